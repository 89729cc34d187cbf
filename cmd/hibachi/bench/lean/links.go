package lean

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"hibachi/links/amqp"
)

// maxHandles bounds the links of a connection in each direction.
const maxHandles = 1 << 16

// link is what senders and receivers have in common.
type link struct {
	name    string
	address string
	handle  uint32 // ours
	state   linkState
}

type linkState uint8

const (
	attaching linkState = iota // also while a refusal is under way: an attach without terminus, whose detach follows
	attached
	detached
)

// links finds links by the handles of both sides.
type links struct {
	byName    map[string]*peerLink
	senders   map[uint32]*Sender   // by the peer's handle
	receivers map[uint32]*Receiver // by the peer's handle
	ours      uint32               // next handle
	list      []*Receiver
}

// peerLink is a link whose attach has no answer yet: one of the two.
type peerLink struct {
	s *Sender
	r *Receiver
}

func newLinks() links {
	return links{byName: map[string]*peerLink{}, senders: map[uint32]*Sender{}, receivers: map[uint32]*Receiver{}}
}

var outcomes = []amqp.Symbol{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list", "amqp:modified:list"}

// AttachSender opens a link to a target and waits for the answer. The error of a refusal is a *PeerError that holds the reason.
func (c *Conn) AttachSender(address string) (*Sender, error) {
	s := &Sender{conn: c, link: c.newLink(address, "s")}
	c.links.byName[s.name] = &peerLink{s: s}
	err := c.attach(&s.link, &amqp.Attach{
		LinkName:             s.name,
		Handle:               s.handle,
		Role:                 amqp.RoleSender,
		SndSettleMode:        amqp.SenderUnsettled,
		Source:               &amqp.Source{Outcomes: outcomes},
		Target:               &amqp.Target{Address: address, HasAddress: true},
		InitialDeliveryCount: amqp.Some(amqp.SequenceNo(0)),
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// AttachReceiver opens a link from a source, grants it credit and waits for the answer. With topUp the credit is renewed as it is
// used up; without it the link gets that much and no more.
func (c *Conn) AttachReceiver(address string, credit uint32, topUp bool) (*Receiver, error) {
	r := &Receiver{conn: c, link: c.newLink(address, "r"), window: credit, topUp: topUp}
	c.links.byName[r.name] = &peerLink{r: r}
	err := c.attach(&r.link, &amqp.Attach{
		LinkName: r.name,
		Handle:   r.handle,
		Role:     amqp.RoleReceiver,
		Source:   &amqp.Source{Address: address, HasAddress: true, Outcomes: outcomes},
		Target:   &amqp.Target{},
	})
	if err != nil {
		return nil, err
	}
	r.credit = credit
	c.links.list = append(c.links.list, r)
	c.appendFlow(r)
	return r, c.Flush()
}

func (c *Conn) newLink(address, kind string) link {
	h := c.links.ours
	c.links.ours++
	return link{name: kind + strconv.Itoa(int(h)) + "-" + c.cfg.ContainerID, address: address, handle: h}
}

func (c *Conn) attach(l *link, a *amqp.Attach) error {
	if l.handle >= maxHandles {
		return fmt.Errorf("attach to %s: more than %d links", l.address, maxHandles)
	}
	c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, a, nil)
	err := c.waitFor(time.Now().Add(c.cfg.Timeout), func() bool { return l.state == attached })
	var told *PeerError
	if err != nil && !errors.As(err, &told) {
		return fmt.Errorf("attach to %s: %w", l.address, err)
	}
	return err
}

// attachAnswer binds the peer's handle to the link of that name. [transport 2.6.3]
func (c *Conn) attachAnswer(a *amqp.Attach) error {
	p := c.links.byName[a.LinkName]
	if p == nil {
		return protocolError("attach of a link %q that nobody asked for", a.LinkName)
	}
	delete(c.links.byName, a.LinkName)
	if p.s != nil {
		p.s.becomeAttached(a)
		c.links.senders[a.Handle] = p.s
		return nil
	}
	p.r.becomeAttached(a)
	c.links.receivers[a.Handle] = p.r
	return nil
}

// detachedBy ends a link and answers. [transport 2.6.6]
func (c *Conn) detachedBy(d *amqp.Detach) error {
	var l *link
	if s := c.links.senders[d.Handle]; s != nil {
		l = &s.link
		delete(c.links.senders, d.Handle)
	} else if r := c.links.receivers[d.Handle]; r != nil {
		l = &r.link
		delete(c.links.receivers, d.Handle)
	} else {
		return protocolError("detach of handle %d, which is not attached", d.Handle)
	}
	l.state = detached
	c.out = amqp.AppendFrame(c.out, amqp.TypeAMQP, 0, &amqp.Detach{Handle: l.handle, Closed: true}, nil)
	return &PeerError{Scope: ScopeLink, Address: l.address, Err: d.Err}
}
