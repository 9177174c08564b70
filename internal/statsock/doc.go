// Package statsock lets the processes of one user, and those of root, ask each other for a page of statistics.
//
//	asker                                        process
//	  /proc/net/unix: who is there?                listens at @corechan/1/UID/PID-RANDOM
//	  connect             ───────────────────>     accepts, if the asker's user is its own, or root
//	  '?'                 ───────────────────>     writes the page into a memfd, and seals it
//	  reads the memfd     <─────────────────── '!' and the memfd
//	  '?' …
//
// '#' asks as '?' does, and has a wish beside: what it is, and whether it is granted, is the process's business.
//
// An abstract socket has no file, so nothing is left behind by kill -9, and no permissions, so both sides look at who is at the
// other one, as the kernel knows it. It belongs to the network namespace: processes in a container of their own are not seen.
//
// The page is memory that nobody can change any more: the asker reads it once, and the process does not wait for that. Nothing
// runs in the process, and nothing is written, unless somebody asks. An asker that asks and does not read is hung up on.
package statsock
