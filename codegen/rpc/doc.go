// Package rpc is what the code imports that corechan gen writes for services: interfaces marked //corechan:service. It turns
// calls of their methods into messages on one channel of a session, and answers into results and errors. No reflection.
//
// All services that a process calls on a session share one channel, named ChannelName, that it opens; the peer accepts it in
// Serve. A service that is an argument or a result has a channel of its own. On either, each message is a request:
//
//	[slot, method, reply, arguments]      msgpack; reply is a Sender for one response, a number, or nil where none is wanted
//	[results]                             a response
//	[code, text, type, details]           a response that is an error; type and details where it is a typed one
//
// A method that carries nothing, neither way, is called with a number, or [number, microseconds] if its caller has a deadline. Its
// response has the number in front, [number, results], and goes to the one channel of answers; the caller gives it up by its number. So such a call
// is two messages, and no channel is made for it.
//
// Slot 0 is the channel's own: its method 0 binds a further slot to a service, by name, and its method 1 asks for what is
// served, to which the answer is [[name, description], ...]. Method 2 gives the channel of answers, and 3 gives up a call.
//
//	[0, 0, nil, [slot, service, [method, ...]]]
//	[0, 1, reply, []]                                      -> [[[name, description], ...]]
//	[0, 2, answers, []]
//	[0, 3, nil, [number]]
//
// Method numbers are the caller's: binding says which name each has, and the callee looks them up. So two versions of a service
// talk: a method, or a service, that the callee does not have is the error of the calls that need it, and of no other.
// Arguments and results are arrays with an element for each, in their order; those that are missing keep their zero value, and
// those that are too many are skipped.
package rpc
