package engine

import (
	"hibachi/links/amqp"
)

// Authenticator knows the SASL mechanisms on offer. Implementations do no I/O; a step may cost some milliseconds of CPU.
type Authenticator interface {
	Mechanisms() []amqp.Symbol            // in decreasing preference, at least one; they fit a frame of 512 octets
	Required() bool                       // a peer that begins with the AMQP header is sent away [transport 2.2]
	Begin(mechanism amqp.Symbol) Exchange // nil: not on offer
}

// Exchange is one SASL conversation. Step takes the peer's initial response (nil: absent) or response, and either asks again
// (challenge, done false) or ends it. response is valid during the call only.
type Exchange interface {
	Step(response []byte) (challenge []byte, done bool, result Outcome)
}

// Outcome ends a SASL conversation.
type Outcome struct {
	Code           amqp.SASLCode
	Identity       string // who it is, when Code is ok; "" is anonymous
	AdditionalData []byte
}

const (
	// maxSASLFrame is more than the 512 octets of the standard, since access tokens are longer [security 5.3.1].
	maxSASLFrame = 16 << 10
	// maxSASLSteps bounds a conversation; no mechanism in use needs more than three.
	maxSASLSteps = 16
)

// conversation is the SASL layer while it lasts.
type conversation struct {
	exchange Exchange // nil before sasl-init
	steps    int
}

// beginSASL offers the mechanisms without waiting for anything [security 5.3.2].
func (c *Connection) beginSASL() {
	c.state = inSASL
	c.sasl = &conversation{}
	c.queueSASL(&amqp.SASLMechanisms{Mechanisms: c.cfg.Authenticator.Mechanisms()})
}

// handleSASL takes one SASL body. What a client may not send ends the connection without an outcome [security 5.3.2].
func (c *Connection) handleSASL(body amqp.Body) {
	switch b := body.(type) {
	case *amqp.SASLInit:
		if c.sasl.exchange != nil {
			c.becomeFinished()
			return
		}
		c.sasl.exchange = c.cfg.Authenticator.Begin(b.Mechanism)
		if c.sasl.exchange == nil {
			c.endSASL(Outcome{Code: amqp.SASLAuth})
			return
		}
		c.stepSASL(b.InitialResponse)
	case *amqp.SASLResponse:
		if c.sasl.exchange == nil {
			c.becomeFinished()
			return
		}
		c.stepSASL(b.Response)
	default:
		c.becomeFinished()
	}
}

func (c *Connection) stepSASL(response []byte) {
	c.sasl.steps++
	challenge, done, result := c.sasl.exchange.Step(response)
	switch {
	case done:
		c.endSASL(result)
	case c.sasl.steps >= maxSASLSteps:
		c.endSASL(Outcome{Code: amqp.SASLAuth})
	default:
		if challenge == nil {
			challenge = []byte{} // mandatory; an empty one asks for the initial response
		}
		c.queueSASL(&amqp.SASLChallenge{Challenge: challenge})
	}
}

// endSASL tells the outcome. Our AMQP header is not sent with a good one but in answer to the peer's: several clients read
// the outcome's segment with a buffer that they then throw away.
func (c *Connection) endSASL(o Outcome) {
	c.queueSASL(&amqp.SASLOutcome{Code: o.Code, AdditionalData: o.AdditionalData})
	c.sasl = nil
	if o.Code != amqp.SASLOK {
		c.becomeFinished()
		return
	}
	c.identity, c.authentic = o.Identity, true
	c.state = awaitAMQPHeader
}

func (c *Connection) queueSASL(body amqp.Body) {
	c.control = amqp.AppendFrame(c.control, amqp.TypeSASL, 0, body, nil)
}

// anonymous is the Authenticator of a server that asks nobody who he is. [RFC 4505]
type anonymous struct{}

const mechanismAnonymous amqp.Symbol = "ANONYMOUS"

func (anonymous) Mechanisms() []amqp.Symbol { return []amqp.Symbol{mechanismAnonymous} }
func (anonymous) Required() bool            { return false }

func (anonymous) Begin(m amqp.Symbol) Exchange {
	if m != mechanismAnonymous {
		return nil
	}
	return anonymous{}
}

// Step takes any trace, an absent one too.
func (anonymous) Step([]byte) (challenge []byte, done bool, result Outcome) {
	return nil, true, Outcome{Code: amqp.SASLOK}
}
