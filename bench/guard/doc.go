// Command guard watches that corechan does not get slower: it measures the few figures that the README claims, as ratios to the
// machine's own limit in the same run, and compares them with recorded.json.
//
//	go run ./bench/guard                       report, and fail only where it is certain
//	go run ./bench/guard --strict              on the quiet machine that the record was made on: find what got 15 % worse
//	go run ./bench/guard --strict --base OLD   the same on any quiet machine, beside a guard that was built from another commit
//	go run ./bench/guard --record              write recorded.json anew
//
// # What fails
//
// By default a figure fails only if each of five rounds is worse than twice the recorded ratio. A round that is not
// clears it, so the other rounds are measured only while there is doubt. A busy machine makes single rounds bad, even by a factor of ten, but
// hardly five in a row; and absolute times play no part, so another machine does not fail either.
//
// With --strict all rounds are measured, and a figure fails if their median is more than 15 % worse than that of the record's rounds, or of the
// base's, and if the Mann-Whitney U test finds that this is no accident, with a probability below 1 in 1,000. With --base, rounds of both
// alternate, so that a drift of the machine is in both.
//
// # What it is for
//
// CI runs the default and always shows the table: whoever reads it sees a trend long before it fails. Before a release, or
// after a change to a hot path, --strict --base says whether it was one.
package main
