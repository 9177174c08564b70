package fd

// PeerPidfdByPID is what PeerPidfd does on kernels without SO_PEERPIDFD.
var PeerPidfdByPID = peerPidfdByPID
