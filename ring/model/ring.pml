/*
 * One single-producer single-consumer ring in shared memory, with its doorbell,
 * on an x86 machine (total store order).
 *
 * Contract
 *
 *   Every shared word has ONE writer. The other side loads it once per look,
 *   into a local, and checks it against bounds of its own before use.
 *
 *   A slot belongs to the consumer from head to tail, else to the producer.
 *   It changes hands by two stores only:
 *
 *     commit    the record's bytes are written, then tail moves over them
 *     release   the record's bytes are read, then head moves over them
 *
 *   A side about to sleep makes its sleep word odd (arms), looks at the peer's
 *   position once more, and only then blocks; awake, it makes the word even.
 *   A side that moved its position looks at the peer's sleep word, and rings if
 *   that is odd and not the value it last rang for. Both, move-then-look and
 *   arm-then-look, have a full fence in the middle; so at least one of the two
 *   sides sees what the other wrote.
 *
 *   Nobody blocks on what it holds back itself: the producer publishes and the
 *   consumer releases all of a batch before they arm.
 *
 *
 *        producer's segment                     consumer's segment
 *     +----------------------+               +----------------------+
 *     | tail   published     |-- [commit] -->|                      |
 *     | slot 0 .. SLOTS-1    |               |                      |
 *     |                      |<- [release] --| head   released      |
 *     |                      |<- [wake-c] ---| cwait  odd: asleep   |
 *     | pwait  odd: asleep   |-- [wake-p] -->|                      |
 *     +----------------------+               +----------------------+
 *         ^ oldest store first                   ^ oldest store first
 *     +----------------------+               +----------------------+
 *     | sb_p   store buffer  |               | sb_c   store buffer  |
 *     +----------------------+               +----------------------+
 *         ^                                      ^
 *     +----------------------+    bell_c --> +----------------------+
 *     | producer             |===============| consumer             |
 *     +----------------------+ <-- bell_p    +----------------------+
 *                             stream socket
 *
 *
 * Ordering edges; both ends carry the label where the code has them
 *
 *   [commit]   slots stored, tail stored          tail loaded, slots loaded
 *   [release]  slots loaded, head stored          head loaded, slots stored
 *   [wake-c]   tail stored, FENCE, cwait loaded   cwait stored, FENCE, tail loaded
 *   [wake-p]   head stored, FENCE, pwait loaded   pwait stored, FENCE, head loaded
 *
 *
 * Names here, and what they are in the Go code
 *
 *   mem[TAIL], mem[HEAD]     tail, head: positions (slots here, bytes in Go)
 *   mem[CWAIT], mem[PWAIT]   cwait, pwait: sleep words, epoch<<1 | armed
 *   mem[SLOT + i]            the record area; slot() is its double mapping
 *   value of a slot          position of its record<<1 | length-1: the header
 *                            in the first slot, the bytes in the second
 *   pos                      a side's private position
 *   published, released      what a side last stored to tail, to head
 *   head_seen, tail_seen     a side's cached copy of the peer's position
 *   rang_c, rang_p           rangC (private to the producer), rangP (consumer)
 *   bell_c, bell_p           bytes in the socket on their way to the consumer,
 *                            to the producer
 *   store                    a release store
 *   fence                    a locked instruction: XCHG, unlock of a mutex
 *   ring_bell                non-blocking send of a byte; no room: no byte
 *   bell > 0, then drain     blocking recv, which takes every byte there is
 *
 *
 * The machine
 *
 *   A store goes to a FIFO of SB entries, which reach memory in order, each
 *   whenever it likes. A fence waits until the FIFO is empty. Nobody loads a
 *   word that it writes itself (it has that in a local), so that forwarding
 *   from the own buffer needs no code. The kernel takes locks in send and
 *   recv, so these are fences too: a variant without a fence fails for want
 *   of that fence, and not because a bell overtook the store it announces.
 *
 *   An atomic block has at most one access to what others write. It may join
 *   this with what only its own side can see: locals, stores that enter the
 *   own buffer, and the wait for that buffer to be empty.
 *
 *
 * Traffic without end, in a finite model
 *
 *   The producer sends for as long as it likes, and may stop before any record.
 *
 *   Positions count modulo two laps: all that live at one time are at most one
 *   lap apart. A slot carries the position of its record, and is FREE once its
 *   loan ends; so bytes that are early, torn, stale or out of order show.
 *
 *   A sleep word is compared with nothing but the value last rung for, and does
 *   not repeat. Once it changes in memory, no later value equals the old one.
 *   So here it is 1 or 0, and the change makes the peer forget for what
 *   it rang. With -DMSGS=n the words are the counters that Go has, nothing is
 *   forgotten, and the producer sends at most n: this checks the shortcut.
 *
 *
 * Checked
 *
 *   1. No lost wake-up: the only end is that the producer stopped and all it
 *      committed is received and released (no invalid end states), and in a run
 *      without end the consumer receives for ever (no non-progress cycles).
 *   2. A record is read after its commit, whole, and in order.
 *   3. A slot is written after its release (seen when the store reaches memory).
 *   4. A position read from an honest peer is within the bounds that Go checks.
 *
 *
 * Parameters (-D)
 *
 *   SLOTS, MAXLEN   size of the ring; longest record, 1 or 2 slots
 *   SB, BELL        entries of a store buffer; bytes the socket has room for
 *   MSGS            see above
 *   REACH=<mark>    assert that <mark> is not reached: must FAIL, to show that
 *                   the model goes there
 *   BROKEN_<what>   a deliberate mistake: must FAIL; README.md lists them
 */

#ifndef SLOTS
#define SLOTS  3
#endif
#ifndef MAXLEN
#define MAXLEN 2
#endif
#ifndef SB
#define SB     2
#endif
#ifndef BELL
#define BELL   1
#endif

/* Addresses. */
#define TAIL   0
#define PWAIT  1
#define HEAD   2
#define CWAIT  3
#define SLOT   4
#define WORDS  (SLOT + SLOTS)

#define FREE   255  /* ghost: a slot with no bytes that anyone needs */

/* Positions. */
#define LAPS            (2 * SLOTS)
#define add(p, n)       (((p) + (n)) % LAPS)
#define dist(from, to)  (((to) + LAPS - (from)) % LAPS)
#define slot(p)         (SLOT + (p) % SLOTS)

/* Marks for REACH. */
#define C_ASLEEP   1  /* the consumer blocks, with no byte in its socket */
#define P_ASLEEP   2  /* the producer does */
#define C_STRAY    3  /* a byte of an earlier epoch wakes the consumer */
#define P_STRAY    4  /* ... the producer */
#define C_SECOND   5  /* the look after arming finds a record */
#define P_SECOND   6  /* ... finds space */
#define DROPPED    7  /* a byte finds no room in the socket */

#ifdef REACH
#define mark(m, when)  assert(m != REACH || !(when))
#else
#define mark(m, when)  skip
#endif

byte mem[WORDS];
chan sb_p = [SB] of { byte, byte };
chan sb_c = [SB] of { byte, byte };
byte bell_c, bell_p;
byte rang_c, rang_p;
bit  stopped;  /* ghost: the producer sends no more */

/* ------------------------------------------------------------ machine */

#define store(sb, word, value)  sb ! word, value
#define fence(sb)               (len(sb) == 0)

proctype store_buffer(chan sb)
{
	byte word, value;

end:
	do
	:: d_step {
		sb ? word, value;
		assert(word < SLOT || mem[word] == FREE);
		mem[word] = value;
#if !defined(MSGS) && !defined(BROKEN_EPOCH)
		if
		:: word == CWAIT -> rang_c = 0
		:: word == PWAIT -> rang_p = 0
		:: else
		fi;
#endif
		word = 0;
		value = 0
	   }
	od
}

/* What a variant takes away: the fences of the algorithm, and the drain. */

#ifdef BROKEN_FENCE
#define fence_publish  true
#else
#define fence_publish  fence(sb_p)
#endif

#ifdef BROKEN_FENCE_RELEASE
#define fence_release  true
#else
#define fence_release  fence(sb_c)
#endif

#ifdef BROKEN_FENCE_ARM
#define fence_arm_consumer  true
#else
#define fence_arm_consumer  fence(sb_c)
#endif

#ifdef BROKEN_FENCE_ARM_PRODUCER
#define fence_arm_producer  true
#else
#define fence_arm_producer  fence(sb_p)
#endif

#define no_fence  true

#ifdef BROKEN_DRAIN
#define drain(bell)  skip
#else
#define drain(bell)  bell = 0
#endif

/* ----------------------------------------------- what both sides do alike */

inline ring_bell(sb, bell)
{
	atomic {
		fence(sb);
		mark(DROPPED, bell == BELL);
		if
		:: bell < BELL -> bell++
		:: else
		fi
	}
}

/* After a move: ring once for each odd value of the peer's sleep word. */
inline announce(sb, fenced, wait, rang, bell)
{
	atomic {
		fenced;
		w = mem[wait];
		must = (w & 1) && w != rang;
		if
		:: must -> rang = w
		:: else
		fi;
		w = 0
	};
	if
	:: must -> must = 0; ring_bell(sb, bell)
	:: else
	fi
}

/* Odd: armed. Even: awake. */
inline step_sleep_word(sb, wait)
{
	atomic {
#if defined(MSGS) && !defined(BROKEN_EPOCH)
		epoch++;
#else
		epoch = 1 - epoch;  /* BROKEN_EPOCH: a flag, which does repeat */
#endif
		store(sb, wait, epoch)
	}
}

/* ----------------------------------------------------------- producer */

#define room  (dist(head_seen, pos) + n <= SLOTS)

inline look_head(fenced)
{
	atomic {
		fenced;
		w = mem[HEAD];  /* [release] [wake-p] */
		assert(dist(head_seen, w) <= dist(head_seen, published));
		head_seen = w;
		w = 0
	}
}

inline publish()
{
	atomic {
		store(sb_p, TAIL, pos);  /* [commit] [wake-c] */
		published = pos
	};
	announce(sb_p, fence_publish, CWAIT, rang_c, bell_c)  /* [wake-c] */
}

inline write_record()
{
	atomic {
		store(sb_p, slot(pos), pos << 1 | (n - 1));  /* [release] [commit] */
		if
		:: n == 2 -> store(sb_p, slot(pos + 1), pos << 1 | 1)
		:: else
		fi
	}
}

proctype producer()
{
	byte pos, published, head_seen;
	byte epoch, n, w;
	bit  must;
#ifdef MSGS
	byte sent;
#endif

	do
	:: break
#ifdef MSGS
	:: sent < MSGS -> sent++;
#else
	:: true ->
#endif
		if
		:: n = 1
		:: MAXLEN == 2 -> n = 2
		fi;

		/* Reserve. */
		do
		:: room -> break
		:: else ->
			look_head(no_fence);
			if
			:: room -> break
			:: else
			fi;
#ifndef BROKEN_BATCH
			if
			:: published != pos -> publish()
			:: else
			fi;
#endif
#ifdef BROKEN_ARM_PRODUCER
			look_head(no_fence);
			step_sleep_word(sb_p, PWAIT);
#else
			step_sleep_word(sb_p, PWAIT);   /* [wake-p] */
			look_head(fence_arm_producer);  /* [wake-p] */
#endif
			if
			:: room ->
				mark(P_SECOND, true)
			:: else ->
				atomic {
					fence(sb_p);
					mark(P_ASLEEP, bell_p == 0);
					bell_p > 0;
					drain(bell_p);
					mark(P_STRAY, mem[HEAD] == head_seen)
				}
			fi;
			step_sleep_word(sb_p, PWAIT)
		od;

		/* Commit. */
#ifdef BROKEN_COMMIT
		store(sb_p, TAIL, add(pos, n));
#endif
		write_record();
		atomic {
			pos = add(pos, n);
			n = 0
		};
		if
		:: publish()
		:: true  /* later, with others */
		fi
	od;

	if
	:: published != pos -> publish()
	:: else
	fi;
	fence(sb_p);
	stopped = 1
}

/* ----------------------------------------------------------- consumer */

inline look_tail(fenced)
{
	atomic {
		fenced;
		w = mem[TAIL];  /* [commit] [wake-c] */
		assert(dist(released, tail_seen) <= dist(released, w));
		assert(dist(released, w) <= SLOTS);
		tail_seen = w;
		w = 0
	}
}

inline read_header()
{
	d_step {
		w = mem[slot(pos)];  /* [commit] [release] */
		assert(w >> 1 == pos);
		n = (w & 1) + 1;
		assert(n <= dist(pos, tail_seen));
		w = 0
	}
}

inline read_bytes()
{
	/* [commit] [release] */
	assert(mem[slot(pos + n - 1)] == (pos << 1 | (n - 1)))
}

/* ghost: the consumer needs [from, to) no more */
inline end_loan(from, to)
{
	d_step {
		w = from;
		do
		:: w != to -> mem[slot(w)] = FREE; w = add(w, 1)
		:: else -> break
		od;
		w = 0
	}
}

inline release(to)
{
	atomic {
		released = to;
		store(sb_c, HEAD, released)  /* [release] [wake-p] */
	};
	announce(sb_c, fence_release, PWAIT, rang_p, bell_p)  /* [wake-p] */
}

proctype consumer()
{
	byte pos, released, tail_seen;
	byte epoch, n, w;
	bit  must;

	do
	:: true ->
		if
		:: tail_seen == pos -> look_tail(no_fence)
		:: else
		fi;
		if
		:: tail_seen != pos ->
			read_header();
#ifdef BROKEN_RELEASE
			release(add(pos, n));
#endif
progress:
			read_bytes();
#ifdef BROKEN_RELEASE
			end_loan(pos, add(pos, n));
#endif
			atomic {
				pos = add(pos, n);
				n = 0
			};
#ifndef BROKEN_RELEASE
			if
			:: end_loan(released, pos); release(pos)
			:: true  /* later, with others */
			fi
#endif
		:: else ->
#ifndef BROKEN_DEFER
			if
			:: released != pos -> end_loan(released, pos); release(pos)
			:: else
			fi;
#endif
#ifdef BROKEN_ARM
			look_tail(no_fence);
			step_sleep_word(sb_c, CWAIT);
#else
			step_sleep_word(sb_c, CWAIT);   /* [wake-c] */
			look_tail(fence_arm_consumer);  /* [wake-c] */
#endif
			if
			:: tail_seen != pos ->
				mark(C_SECOND, true)
			:: else ->
				atomic {
					fence(sb_c);
					mark(C_ASLEEP, bell_c == 0);
					if
					:: bell_c > 0 ->
						drain(bell_c);
						mark(C_STRAY, mem[TAIL] == tail_seen)
					:: stopped && mem[TAIL] == pos && released == pos ->
						break  /* the one good end */
					fi
				}
			fi;
			step_sleep_word(sb_c, CWAIT)
		fi
	od
}

init
{
	byte i;

	atomic {
		for (i : SLOT .. WORDS - 1) {
			mem[i] = FREE
		}
		i = 0;
		run store_buffer(sb_p);
		run store_buffer(sb_c);
		run producer();
		run consumer()
	}
}
