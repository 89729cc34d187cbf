package suite

import (
	"slices"

	"hibachi/conformance/wire"
)

// Connect dials, logs in as the profile says, and exchanges AMQP headers. Open is still to come.
func (t *T) Connect() *Conn {
	c := t.Dial()
	if t.Profile().Auth.Mechanism != "none" {
		c.Login()
	}
	c.Write(wire.AMQPHeader[:])
	c.ExpectHeader(wire.AMQPHeader)
	return c
}

// Login does the SASL exchange of the profile.
func (c *Conn) Login() {
	offered := c.StartSASL()
	init := c.t.InitFrame()
	if name := init.Text("mechanism"); !slices.Contains(offered, name) {
		c.t.Fail("the target does not offer %s, but %v", name, offered)
	}
	c.Write(wire.SASL(init))
	if out := c.Expect(wire.SASLOutcome); out.Body.Uint("code") != 0 {
		c.t.Fail("the login of the profile was refused: %s", out)
	}
}

// StartSASL exchanges SASL headers and returns the mechanisms that are offered.
func (c *Conn) StartSASL() []string {
	c.Write(wire.SASLHeader[:])
	c.ExpectHeader(wire.SASLHeader)
	return c.Expect(wire.SASLMechanisms).Body.Symbols("sasl-server-mechanisms")
}

// InitFrame is the sasl-init of the profile.
func (t *T) InitFrame() *wire.Composite {
	a := t.Profile().Auth
	var init *wire.Composite
	if a.Mechanism == "plain" {
		init = PlainInit("", a.User, a.Password)
	} else {
		init = wire.SASLInit.With(wire.F{"mechanism": "ANONYMOUS", "initial-response": []byte("conformance")})
	}
	if h := t.Profile().Hostname; h != "" {
		init.Set("hostname", h)
	}
	return init
}

// PlainInit is a sasl-init for PLAIN [RFC 4616].
func PlainInit(authzid, user, password string) *wire.Composite {
	return wire.SASLInit.With(wire.F{"mechanism": "PLAIN", "initial-response": []byte(authzid + "\x00" + user + "\x00" + password)})
}

// OpenFields are what Open sends unless told otherwise.
func (t *T) OpenFields() wire.F {
	f := wire.F{"container-id": t.Name("client"), "max-frame-size": 65536, "channel-max": 255}
	if h := t.Profile().Hostname; h != "" {
		f["hostname"] = h
	}
	return f
}

// Open connects and exchanges opens. The fields in f replace those of OpenFields.
func (t *T) Open(f wire.F) *Conn {
	c := t.Connect()
	c.SendOpen(f)
	c.Open = c.Expect(wire.Open).Body
	return c
}

// SendOpen sends an open and permits the target what it says.
func (c *Conn) SendOpen(f wire.F) {
	open := wire.Open.With(c.t.OpenFields(), f)
	maxFrame, channels := uint32(0xffffffff), uint16(0xffff)
	if open.Has("max-frame-size") {
		maxFrame = max(512, uint32(open.Uint("max-frame-size")))
	}
	if open.Has("channel-max") {
		channels = uint16(open.Uint("channel-max"))
	}
	c.Permit(maxFrame, channels)
	c.Send(0, open)
}

// Opened waits for the target's open and keeps it.
func (c *Conn) Opened() *wire.Composite {
	c.Open = c.Expect(wire.Open).Body
	return c.Open
}

// MaxFrame is the largest frame that the target takes.
func (c *Conn) MaxFrame() uint32 {
	if !c.Open.Has("max-frame-size") {
		return 1 << 20 // no limit: nothing here needs more
	}
	return uint32(c.Open.Uint("max-frame-size"))
}

// ChannelMax is the highest channel that the target takes.
func (c *Conn) ChannelMax() uint16 {
	if !c.Open.Has("channel-max") {
		return 0xffff
	}
	return uint16(c.Open.Uint("channel-max"))
}

// Close exchanges closes and wants the end of the stream after it.
func (c *Conn) Close() {
	c.Send(0, wire.Close.With())
	f := c.Expect(wire.Close, wire.Disposition, wire.Transfer, wire.Attach, wire.Begin, wire.Detach, wire.End)
	if f.Body.Has("error") {
		c.t.FailWant("close without an error", f.String())
	}
	c.ExpectEOF()
}
