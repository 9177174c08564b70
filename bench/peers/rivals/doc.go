// Package rivals has each way to exchange messages that is compared, corechan's own first, one file each.
//
// Each is used as its documentation says that it is fastest, with settings that a program could run with for good; what was
// chosen stands in its Entry and in the report. The garbage collector runs with its defaults, in ours as in all.
package rivals
