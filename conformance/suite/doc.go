// Package suite is the harness of the conformance suite: it runs checks against a broker over TCP and judges what comes back. The checks
// themselves are in conformance/checks, the codec in conformance/wire, the reports in conformance/report.
//
// It owns connections, the trace of what was sent and received, verdicts, and the bounds of time and memory that keep one bad check or
// one dead target from stopping the run. It knows nothing of any single requirement.
//
// # How to write a check
//
// A check belongs to a Group (one file in conformance/checks, one var, one line in checks.Groups). It has the requirement's id, its
// text, its place in the specification, its level, and a function:
//
//	{
//		ID: "OP4", Section: "transport 2.4.6", Level: suite.Must, Twin: "OP3",
//		Title: "a second open is refused",
//		Run: func(t *suite.T) {
//			c := t.Open(nil)                                  // dialled, authenticated, open exchanged
//			c.Send(0, wire.Open.With(wire.F{"container-id": t.Name("twice")}))
//			c.Refused(suite.Closes(wire.IllegalState, wire.NotAllowed).
//				Or(suite.Drops, "the connection is beyond repair: dropping it says the same"))
//		},
//	}
//
// Returning is a pass. t.Fail and every Expect… that is disappointed end the case as a fail; t.Skip ends it as skipped; t.Tolerate marks
// it tolerated, with the reading that permits it, and goes on. Refused judges scope and condition apart: Or permits another scope,
// OrCondition another condition, each with its reading.
//
//   - What must be ignored is followed by c.Alive(): an echo, or a fresh session where the target does not echo. Never by a wait.
//   - What must be refused is followed by c.Refused(…): no answer within the target's patience is a verdict of its own.
//   - Every check that expects a refusal names its positive twin: Twin is the id of a check that differs in what was wrong only, or
//     the check makes one with t.Twin("what is right", func…). The runner fails a refusal whose twin fails: it proves nothing.
//   - Several inputs for one requirement are t.Case("which", func…), each with its own fresh connection; the worst verdict counts.
//   - Everything is fresh: t.Open gives a new connection and container-id, t.Name a new name, t.Queue a new address.
//   - Sessions and links: s := c.Begin(nil); l := s.Sender(q.Send, nil); l.Send(t.Message("one")); r := s.Receiver(q.Receive, nil);
//     r.Credit(10); d := r.Receive(); r.Settle(d, wire.Accepted.With()).
//     They track ids and windows for the normal case; anything else goes through c.Send and c.SendTransfer.
//   - Bodies of events: t.Message makes what the target's profile asks for (durable, a device of its own). Nothing else is stored
//     everywhere.
//   - Features: Needs names what the target's profile has to have, or the check is skipped with the name of what is missing.
//   - Time: Check.Takes is the bound (10 s unless said); every wait of the harness ends with it. Alone runs a check with no other
//     beside it (restarts, floods).
package suite
