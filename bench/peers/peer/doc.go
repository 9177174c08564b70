// Package peer says what is compared: the contract between the harness and each way to exchange messages, corechan's own
// included.
//
// # A message
//
// All carry the same bytes, so that none does less than another:
//
//	0        8       9                    size-8      size
//	+--------+-------+--------------------+-----------+
//	| number | reply | anything           | number    |
//	+--------+-------+--------------------+-----------+
//
// The number counts up on each connection, and stands at both ends, so that a message that was lost, doubled, overtaken, cut or
// mixed with another is noticed by whoever receives it: that ends the run with an error. If reply is 1, the far side sends
// the message back.
//
// # Two sides
//
// The far side serves: it checks what comes, and answers what asks for an answer. It does not know what is being measured. The near
// side dials, leads, and keeps the time. Each is a process of its own, confined to one core.
package peer
