package amqp

// SequenceNo is a serial number that goes round at 2³² [transport 2.8.10]: transfer-id, delivery-id, delivery-count.
// Compare it with Less, never with <. As in RFC 1982, numbers exactly 2³¹ apart have no order.
type SequenceNo uint32

// Less tells whether s comes before o.
func (s SequenceNo) Less(o SequenceNo) bool { return s.Sub(o) < 0 }

// Add is the number n steps after s.
func (s SequenceNo) Add(n uint32) SequenceNo { return s + SequenceNo(n) }

// Sub is the distance from o to s, negative if s comes before o.
func (s SequenceNo) Sub(o SequenceNo) int32 { return int32(s - o) }
