// Package transporttest is the conformance suite: what sessions promise, as tests that run over any transport. The promises are
// listed in docs/semantics.md, each with the name of the test here that shows it.
//
// A transport runs it with one call from a test of its own, which must not be parallel to others:
//
//	transporttest.Run(t, transporttest.Transport{Name: "shm", Descriptors: true, Lanes: true, Pair: pair})
//
// There is one file for each concern, and one line for each test in the table below.
package transporttest

import (
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/fd/fdtest"
)

// A Transport is what the suite needs to know of one.
type Transport struct {
	// Name names it in the tests' names.
	Name string
	// Descriptors says that its sessions, as Pair makes them, hand descriptors over. If not, files and connections must
	// arrive as streams.
	Descriptors bool
	// Lanes says that its sessions have channels with rings of their own.
	Lanes bool
	// Waits are the ways to wait that the suite is run with. nil: Hybrid and Block. One is enough for a transport that waits as
	// another one does, which has both.
	Waits []engine.Wait
	// Pair connects two sessions, both in this process: a's engine owns the dialer's, b's the listener's. The suite
	// closes the sessions and shuts the engines down; what else there is, a listener, is to be closed by t.Cleanup.
	Pair func(t testing.TB, a, b *engine.Engine) Link
}

// A Link is two sessions that are connected to each other.
type Link struct {
	A, B *engine.Session // A is the dialer's
	// Cut cuts the connection under them, without a word, as the death of both processes would. What one had sent before
	// must still reach the other; of what may wait in this process, what was sent before Session.Flush.
	Cut func()
}

// Run runs the suite.
func Run(t *testing.T, tr Transport) {
	waits := tr.Waits
	if waits == nil {
		waits = []engine.Wait{engine.Hybrid, engine.Block}
	}
	for _, w := range waits {
		for _, g := range groups() {
			for _, f := range g.tests {
				t.Run(tr.Name+"/"+w.String()+"/"+g.name+"/"+nameOf(f), func(t *testing.T) { run(t, tr, w, f) })
			}
		}
	}
}

// run runs one test, and checks that it leaves nothing behind.
func run(t *testing.T, tr Transport, w engine.Wait, f test) {
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() { // a test that has failed leaves things behind
			goleak.VerifyNone(t, goroutines)
		}
	})
	fdtest.Snapshot(t)
	f(&T{T: t, tr: tr, wait: w, ctx: watchdog(t)})
}

type test func(t *T)

// nameOf returns the name of a test: its function's, without "test".
func nameOf(f test) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "test")
}

type group struct {
	name  string
	tests []test
}

// groups returns all tests.
func groups() []group {
	return []group{
		{"order", []test{
			testMessagesArriveInOrder,
			testEachSendersMessagesStayInOrder,
			testEachMessageGoesToOneReceiver,
			testMessagesWaitForTheReceiver,
		}},
		{"ends", []test{
			testACleanEndIsEOF,
			testAnErrorArrivesWithItsCodeAndText,
			testTheReceiverCancels,
			testAWaitingSenderLearnsOfItsCancellation,
			testAPeerThatIsGoneIsNamed,
			testAWaitingReceiverLearnsThatThePeerIsGone,
			testASessionEndsItsChannelsWithItsReason,
			testOnesOwnCloseIsErrClosed,
			testCodecsThatDifferAreRefused,
			testASessionsEndEndsWhatWaits,
		}},
		{"nested", []test{
			testAnEchoReturnsThroughANestedChannel,
			testChannelsNestBothWaysAndDeep,
			testAMessageCarriesASenderAReceiverAndAStream,
			testSlicesAndMapsOfEndsAreCarried,
			testWhatIsSentBeforeTheReferenceArrivesIsKept,
			testWhatIsSentBeforeTheReferenceIsTakenIsKept,
			testAnEndIsGivenAwayOnce,
			testWhoWaitsForAnEndThatIsGivenAwayTakesNothing,
			testAClosedEndIsNotGivenAway,
			testAnEndThatItsOtherSideHasEndedCanBeGivenAway,
			testAnEndThatIsNotSetArrivesNotSet,
			testAnEndThatWasUsedCanBeGivenAway,
			testAnOpenedChannelCanBeGivenAway,
			testBothEndsOfAPipeCanBeGivenAway,
			testOneOfManyGiversWins,
			testAnOpenedEndIsGivenAwayOnce,
			testAnEndComesHome,
			testAnEndThatComesAndGoesLeavesNobodyInBetween,
			testAReceiverComesHomeWithAllItsMessages,
			testHowAReceiverEndedIsSeenAtHome,
			testACrossingIsJoinedUp,
			testASenderThatWasCancelledComesHome,
			testASenderGivesItselfAway,
			testWhatCameHomeIsStillAChannel,
			testALaneCarriesNothing,
			testWhatAMessageDoesNotTakeIsRefused,
			testWhatNobodyReceivesIsRefused,
			testAnEndInTheWrongFieldIsMalformed,
			testWhatCannotBeSentIsStillTheSenders,
			testCarryingWithinTheProcess,
			testManyNestedChannelsLeaveNothingOpen,
		}},
		{"calls", []test{
			testACallIsAnswered,
			testCallsRunAtTheSameTime,
			testACallIsAnsweredWithAnError,
			testACallThatIsNotAnsweredSaysSo,
			testACallThatNobodyTakesIsRefused,
			testACalleeLearnsThatTheCallWasCancelled,
			testACallEndsWhenTheCalleeIsGone,
			testACallWhoseRequestCannotBeSentIsOver,
			testHandlersAnswerCalls,
		}},
		{"streams", []test{
			testAFileIsAStream,
			testAStreamHalfCloses,
			testAStreamEndsWithAnError,
			testAReaderThatClosesEndsTheWriter,
			testAStreamKeepsWhatWasWrittenBeforeItIsTaken,
			testALargeTransferArrivesWhole,
			testStreamsHaveDeadlines,
			testAForeignReaderIsRead,
			testAForeignReadersErrorArrives,
			testAForeignWriterIsWritten,
			testAForeignWritersErrorArrives,
			testAForeignConnectionWorksBothWays,
			testAForeignReaderThatWaitsIsClosed,
			testAReaderPartlyReadIsGivenAway,
			testStreamsOfAnInterruptedSessionEnd,
		}},
		{"descriptors", []test{
			testAFileArrivesAsAFile,
			testAFileWrittenThereIsWrittenHere,
			testAPipeArrives,
			testATCPConnectionArrives,
			testATCPConnectionThatBreaksIsNotTakenForComplete,
			testAUnixConnectionArrives,
			testAUDPSocketArrives,
			testAListenerArrives,
			testAFileGoesThroughAHop,
			testDescriptorsThatNobodyTakesAreClosed,
		}},
		{"flow", []test{
			testASenderWaitsForTheWindow,
			testAContextEndsAWaitingSend,
			testADeadlineEndsAWaitingSend,
			testAContextEndsAWaitingReceive,
			testAContextEndsAWaitingAccept,
			testTryReceiveNeverWaits,
			testTryReceiveLearnsThatThePeerIsGone,
			testOneStoppedReceiverStopsNobodyElse,
			testOneStoppedReaderStopsNobodyElse,
			testAStoppedReceiverBoundsWhatIsUnderWay,
		}},
		{"bounds", []test{
			testAMessageThatIsTooLargeNamesTheLimit,
			testTooManyChannelsNameTheLimit,
			testTooManyChannelsForThePeerNameTheLimit,
			testTooManyUnclaimedChannelsNameTheLimit,
			testTooManyReferencesNameTheLimit,
			testTooManyValuesInAMessageNameTheLimit,
			testTooManyNestedChannelsNameTheLimit,
			testTooManyLanesNameTheLimit,
		}},
		{"forwarding", []test{
			testMessagesAreAcknowledgedThroughAHop,
			testAHopForwardsBothDirections,
			testNestedValuesGoThroughAHop,
			testStreamsGoThroughAHop,
			testACallGoesThroughAHop,
			testACancelledCallIsCancelledThroughAHop,
			testACancellationGoesThroughAnIdleHop,
			testAHopThatDiesEndsBothSides,
			testRefusalsGoThroughAHop,
			testWhatTheHopCannotForwardIsRefused,
			testACancelledReplyDoesNotEndTheHop,
		}},
		{"several", []test{
			testHeadersTravel,
			testAChannelHasTheCodecOfItsOpening,
			testReflectionCarriesValues,
			testAnUnbufferedSendWaitsForItsReceive,
			testSelectReceivesFromWhicheverHasOne,
			testAMergeReceivesFromAll,
			testCopyMovesMessagesWithWhatTheyCarry,
			testASessionListsItsChannels,
			testValuesThatNobodyReceivesExpire,
		}},
		{"drain", []test{
			testADrainLetsChannelsFinish,
			testADrainingSessionTakesNoChannels,
		}},
		{"storms", []test{
			testBothSidesDoEverythingAtOnce,
			testACutEndsEverything,
		}},
	}
}
