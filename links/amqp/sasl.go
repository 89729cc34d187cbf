package amqp

// The five SASL bodies. [security 5.3.3]

// SASLCode is how a SASL exchange ended. [security 5.3.3.6]
type SASLCode uint8

const (
	SASLOK      SASLCode = iota
	SASLAuth             // credentials are not good
	SASLSys              // system error
	SASLSysPerm          // system error that will not go away by itself
	SASLSysTemp          // system error that may
)

// String is the specification's word.
func (c SASLCode) String() string { return word(c, "ok", "auth", "sys", "sys-perm", "sys-temp") }

// SASLMechanisms offers mechanisms, in decreasing preference, at least one. [security 5.3.3.1]
type SASLMechanisms struct{ Mechanisms []Symbol }

// Name is "sasl-mechanisms".
func (x *SASLMechanisms) Name() string { return "sasl-mechanisms" }

// Append encodes x behind dst.
func (x *SASLMechanisms) Append(dst []byte) []byte {
	w := beginComposite(dst, codeSASLMechanisms)
	w.field()
	w.b = AppendSymbols(w.b, x.Mechanisms)
	return w.end()
}

func (x *SASLMechanisms) parse(r *reader) error {
	x.Mechanisms = r.symbolsOr("sasl-server-mechanisms")
	if len(x.Mechanisms) == 0 {
		r.missing("sasl-server-mechanisms")
	}
	r.done()
	return r.err
}

// String shows it for people.
func (x *SASLMechanisms) String() string {
	p := newPrinter(x.Name())
	p.symbols("sasl-server-mechanisms", x.Mechanisms)
	return p.String()
}

// SASLInit chooses a mechanism. [security 5.3.3.2]
type SASLInit struct {
	Mechanism       Symbol
	InitialResponse []byte // nil: absent
	Hostname        string
}

// Name is "sasl-init".
func (x *SASLInit) Name() string { return "sasl-init" }

// Append encodes x behind dst.
func (x *SASLInit) Append(dst []byte) []byte {
	w := beginComposite(dst, codeSASLInit)
	w.symbolAlways(x.Mechanism)
	w.bin(x.InitialResponse)
	w.str(x.Hostname)
	return w.end()
}

func (x *SASLInit) parse(r *reader) error {
	x.Mechanism = r.symbol("mechanism")
	x.InitialResponse = r.binOr("initial-response")
	x.Hostname = r.strOr("hostname")
	r.done()
	return r.err
}

// String shows it for people, without the secret that may be in the initial response: only how long it is.
func (x *SASLInit) String() string {
	p := newPrinter(x.Name())
	p.str("mechanism", string(x.Mechanism))
	p.secret("initial-response", x.InitialResponse)
	p.strSet("hostname", x.Hostname)
	return p.String()
}

// SASLChallenge asks for more. [security 5.3.3.3]
type SASLChallenge struct{ Challenge []byte }

// Name is "sasl-challenge".
func (x *SASLChallenge) Name() string { return "sasl-challenge" }

// Append encodes x behind dst.
func (x *SASLChallenge) Append(dst []byte) []byte {
	return appendSASLBytes(dst, codeSASLChallenge, x.Challenge)
}

func (x *SASLChallenge) parse(r *reader) error {
	x.Challenge = r.bin("challenge")
	r.done()
	return r.err
}

// String shows it for people: only how long it is.
func (x *SASLChallenge) String() string {
	p := newPrinter(x.Name())
	p.secret("challenge", x.Challenge)
	return p.String()
}

// SASLResponse answers a challenge. [security 5.3.3.4]
type SASLResponse struct{ Response []byte }

// Name is "sasl-response".
func (x *SASLResponse) Name() string { return "sasl-response" }

// Append encodes x behind dst.
func (x *SASLResponse) Append(dst []byte) []byte {
	return appendSASLBytes(dst, codeSASLResponse, x.Response)
}

func (x *SASLResponse) parse(r *reader) error {
	x.Response = r.bin("response")
	r.done()
	return r.err
}

// String shows it for people: only how long it is.
func (x *SASLResponse) String() string {
	p := newPrinter(x.Name())
	p.secret("response", x.Response)
	return p.String()
}

// appendSASLBytes encodes a body whose only field is a binary, mandatory and so there even if it is empty.
func appendSASLBytes(dst []byte, code byte, v []byte) []byte {
	w := beginComposite(dst, code)
	w.field()
	w.b = AppendBinary(w.b, v)
	return w.end()
}

// SASLOutcome ends the exchange. [security 5.3.3.5]
type SASLOutcome struct {
	Code           SASLCode
	AdditionalData []byte // nil: absent
}

// Name is "sasl-outcome".
func (x *SASLOutcome) Name() string { return "sasl-outcome" }

// Append encodes x behind dst.
func (x *SASLOutcome) Append(dst []byte) []byte {
	w := beginComposite(dst, codeSASLOutcome)
	w.ubyte(uint8(x.Code))
	w.bin(x.AdditionalData)
	return w.end()
}

func (x *SASLOutcome) parse(r *reader) error {
	code := r.choice("code", uint8(SASLSysTemp))
	if !code.Set {
		r.missing("code")
	}
	x.Code = SASLCode(code.Value)
	x.AdditionalData = r.binOr("additional-data")
	r.done()
	return r.err
}

// String shows it for people.
func (x *SASLOutcome) String() string {
	p := newPrinter(x.Name())
	p.word("code", x.Code.String())
	p.secret("additional-data", x.AdditionalData)
	return p.String()
}
