package amqp

import "fmt"

// Decoder holds one of each body, so that decoding a frame allocates nothing but strings, symbols and composites of the
// rare ones. Transfer, flow and disposition (unless it rejects) cost no allocation. Not for concurrent use.
type Decoder struct {
	open        Open
	begin       Begin
	attach      Attach
	flow        Flow
	transfer    Transfer
	disposition Disposition
	detach      Detach
	end         End
	close       Close
	mechanisms  SASLMechanisms
	init        SASLInit
	challenge   SASLChallenge
	response    SASLResponse
	outcome     SASLOutcome
}

// Decode parses a frame's body: what follows the extended header. The Body returned is the decoder's own: it is valid
// until the next Decode, and its byte slices and Raws alias b. payload is what follows the performative, aliasing too. An empty b
// is an empty frame: body is nil. sasl says which family is expected: bodies of the other are an ErrFraming, of none an
// ErrNotImplemented. Errors are *DecodeError, with offsets in b.
func (d *Decoder) Decode(b []byte, sasl bool) (body Body, payload []byte, err error) {
	if len(b) == 0 {
		return nil, nil, nil
	}
	if b[0] != ctorDescribed {
		return nil, nil, malformed(0, "frame's body is not described")
	}
	code, next, err := descriptor(b, 0, len(b), 0)
	if err != nil {
		return nil, nil, err
	}
	if err := checkFamily(code, b[1:next], sasl); err != nil {
		return nil, nil, err
	}
	r := listReader(code, b, next, len(b), 1)
	if body, err = d.parse(code, &r); err != nil {
		return nil, nil, err
	}
	return body, b[r.end:], nil
}

func checkFamily(code uint64, descriptor Raw, sasl bool) error {
	isSASL := code >= codeSASLMechanisms && code <= codeSASLOutcome
	if !isSASL && (code < codeOpen || code > codeClose) {
		return &DecodeError{Condition: ErrNotImplemented, What: "no performative has descriptor " + showDescriptor(descriptor), Offset: 1}
	}
	if isSASL != sasl {
		return badFrame(1, compositeName(code)+" in a frame of the other type")
	}
	return nil
}

func (d *Decoder) parse(code uint64, r *reader) (Body, error) {
	switch code {
	case codeTransfer:
		return &d.transfer, d.transfer.parse(r)
	case codeDisposition:
		return &d.disposition, d.disposition.parse(r)
	case codeFlow:
		return &d.flow, d.flow.parse(r)
	case codeOpen:
		return &d.open, d.open.parse(r)
	case codeBegin:
		return &d.begin, d.begin.parse(r)
	case codeAttach:
		return &d.attach, d.attach.parse(r)
	case codeDetach:
		return &d.detach, d.detach.parse(r)
	case codeEnd:
		return &d.end, d.end.parse(r)
	case codeClose:
		return &d.close, d.close.parse(r)
	case codeSASLMechanisms:
		return &d.mechanisms, d.mechanisms.parse(r)
	case codeSASLInit:
		return &d.init, d.init.parse(r)
	case codeSASLChallenge:
		return &d.challenge, d.challenge.parse(r)
	case codeSASLResponse:
		return &d.response, d.response.parse(r)
	case codeSASLOutcome:
		return &d.outcome, d.outcome.parse(r)
	}
	panic(fmt.Sprintf("amqp: checkFamily let descriptor %#x pass", code))
}
