package amqp

// Symbol is an AMQP symbol: ASCII. [types 1.6.21]
type Symbol string

// Symbols that the specification gives to fields of termini and states.
const (
	OutcomeAccepted Symbol = "amqp:accepted:list"
	OutcomeRejected Symbol = "amqp:rejected:list"
	OutcomeReleased Symbol = "amqp:released:list"
	OutcomeModified Symbol = "amqp:modified:list"

	ExpiryLinkDetach      Symbol = "link-detach"
	ExpirySessionEnd      Symbol = "session-end"
	ExpiryConnectionClose Symbol = "connection-close"
	ExpiryNever           Symbol = "never"

	DistributionMove Symbol = "move"
	DistributionCopy Symbol = "copy"
)

// known lists the symbols that arrive with nearly every link; parsing gives these constants instead of copies.
var known = func() map[string]Symbol {
	m := make(map[string]Symbol)
	for _, s := range []Symbol{
		OutcomeAccepted, OutcomeRejected, OutcomeReleased, OutcomeModified,
		ExpiryLinkDetach, ExpirySessionEnd, ExpiryConnectionClose, ExpiryNever,
		DistributionMove, DistributionCopy,
		"ANONYMOUS", "PLAIN", "EXTERNAL", "SCRAM-SHA-256", "en-US",
		"queue", "topic", "shared", "global", "sole-connection-for-container", "DELAYED_DELIVERY", "ANONYMOUS-RELAY", "SHARED-SUBS",
		ErrInternal, ErrNotFound, ErrUnauthorizedAccess, ErrDecode, ErrResourceLimitExceeded, ErrNotAllowed, ErrInvalidField,
		ErrNotImplemented, ErrResourceLocked, ErrPreconditionFailed, ErrResourceDeleted, ErrIllegalState, ErrFrameSizeTooSmall,
		ErrConnectionForced, ErrDetachForced,
	} {
		m[string(s)] = s
	}
	return m
}()

// symbolOf is b as a Symbol, without a copy if it is a known one.
func symbolOf(b []byte) Symbol {
	if s, ok := known[string(b)]; ok {
		return s
	}
	return Symbol(b)
}

// isASCII tells whether b may be a symbol's content.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
