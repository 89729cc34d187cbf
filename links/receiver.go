package links

import "hibachi/links/engine"

// receiver is a link on which the peer sends.
type receiver struct {
	// Set once.
	conn *conn
	link *engine.Receiver

	// Set under conn.mu before the link's attach is accepted, and before any message of it is an event.
	target  Target
	meter   meter          // of account, if it is one of ours
	account engine.Account // nil: nobody is charged

	// Owned by the handler.
	failed bool // its Target returned an error: what else was on its way is dropped
}

// opened notes what the container answered, and returns the terms for the engine.
func (r *receiver) openedLocked(t Target, terms engine.Terms) engine.Terms {
	r.target, r.account = t, terms.Account
	if a, ok := terms.Account.(*account); ok {
		r.meter = meter{account: a, who: &r.conn.mail}
		terms.Account = &r.meter
	}
	return terms
}

// refund gives back what a delivery was charged.
func (r *receiver) refund(n int) {
	if r.account != nil && n > 0 {
		r.account.Refund(n)
	}
}
