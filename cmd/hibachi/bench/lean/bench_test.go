package lean

import (
	"testing"

	"hibachi/links/amqp"
)

// BenchmarkEvent is what the client itself spends on one event of 1 KiB, sent and accepted, or received, without any socket.
func BenchmarkEvent(b *testing.B) {
	message := make([]byte, 1300)
	b.Run("sent", func(b *testing.B) {
		c := &Conn{cfg: Config{Handler: &counter{}}.withDefaults(), maxFrame: 64 << 10, session: newSession(1000), links: newLinks()}
		s := &Sender{conn: c, link: link{state: attached}, credit: 1 << 31}
		c.session.remoteIncoming = 1 << 31
		var answer []byte
		for b.Loop() {
			first := c.session.nextID
			for range 100 {
				s.Send(message, 1, 0)
			}
			c.out = c.out[:0]
			s.credit, c.session.remoteIncoming = 1<<31, 1<<31
			answer = amqp.AppendFrame(answer[:0], amqp.TypeAMQP, 0, accepted(first, first.Add(99)), nil)
			c.in.buf, c.in.start, c.in.end = answer, 0, len(answer)
			if err := c.Handle(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
	})
	b.Run("received", func(b *testing.B) {
		c := &Conn{cfg: Config{Handler: &counter{}}.withDefaults(), links: newLinks()}
		r := &Receiver{conn: c, link: link{state: attached}, window: 1000, topUp: true}
		c.links.receivers[3], c.links.list = r, []*Receiver{r}
		var frames []byte
		for i := range 100 {
			frames = amqp.AppendFrame(frames, amqp.TypeAMQP, 0,
				&amqp.Transfer{Handle: 3, DeliveryID: amqp.Some(amqp.SequenceNo(i)), DeliveryTag: []byte{1, 2, 3, 4}}, message)
		}
		for b.Loop() {
			c.in.buf, c.in.start, c.in.end = frames, 0, len(frames)
			if err := c.Handle(); err != nil {
				b.Fatal(err)
			}
			c.out = c.out[:0]
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
	})
}
