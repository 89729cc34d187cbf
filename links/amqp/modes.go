package amqp

// Role is which end of a link the speaker is. [transport 2.8.1]
type Role bool

const (
	RoleSender   Role = false
	RoleReceiver Role = true
)

// String is "sender" or "receiver".
func (r Role) String() string {
	if r == RoleReceiver {
		return "receiver"
	}
	return "sender"
}

// SenderSettleMode is how a sender settles its deliveries. [transport 2.8.2]
type SenderSettleMode uint8

const (
	SenderUnsettled SenderSettleMode = 0
	SenderSettled   SenderSettleMode = 1
	SenderMixed     SenderSettleMode = 2
)

// String is the specification's word.
func (m SenderSettleMode) String() string { return word(m, "unsettled", "settled", "mixed") }

// ReceiverSettleMode is when a receiver settles what it received. [transport 2.8.3]
type ReceiverSettleMode uint8

const (
	ReceiverFirst  ReceiverSettleMode = 0
	ReceiverSecond ReceiverSettleMode = 1
)

// String is the specification's word.
func (m ReceiverSettleMode) String() string { return word(m, "first", "second") }

// TerminusDurability is what of a terminus survives. [messaging 3.5.5]
type TerminusDurability uint32

const (
	DurableNone           TerminusDurability = 0
	DurableConfiguration  TerminusDurability = 1
	DurableUnsettledState TerminusDurability = 2
)

// String is the specification's word.
func (d TerminusDurability) String() string {
	return word(d, "none", "configuration", "unsettled-state")
}

// word is the i-th of words, or i as a number.
func word[T ~uint8 | ~uint32](i T, words ...string) string {
	if uint64(i) < uint64(len(words)) {
		return words[i]
	}
	return uintString(uint64(i))
}
