package wire

import (
	"fmt"
	"slices"
)

// Codes of the sections [messaging 3.2].
const (
	CodeHeader                = 0x70
	CodeDeliveryAnnotations   = 0x71
	CodeMessageAnnotations    = 0x72
	CodeProperties            = 0x73
	CodeApplicationProperties = 0x74
	CodeData                  = 0x75
	CodeSequence              = 0x76
	CodeValue                 = 0x77
	CodeFooter                = 0x78
)

// Section builds any section around any value.
func Section(code uint64, value Raw) Raw { return Described(Ulong(code), value) }

// Data is a body section of octets.
func Data(b []byte) Raw { return Section(CodeData, Bin(b)) }

// Message joins sections.
func Message(sections ...Raw) []byte { return slices.Concat(sections...) }

// ReceivedSection is one section of a message that came.
type ReceivedSection struct {
	Code   uint64
	Value  Raw // aliases the message
	Octets Raw // with the descriptor
}

// Sections cuts a message into its sections.
func Sections(message []byte) ([]ReceivedSection, error) {
	var all []ReceivedSection
	for rest := message; len(rest) > 0; {
		one, behind, err := Split(rest)
		if err != nil {
			return all, fmt.Errorf("section %d: %w", len(all), err)
		}
		if one[0] != 0 {
			return all, fmt.Errorf("section %d is not described", len(all))
		}
		d, value, err := Decode(one[1:])
		if err != nil {
			return all, err
		}
		code, ok := d.(uint64)
		if !ok {
			return all, fmt.Errorf("section %d has descriptor %s", len(all), Show(d))
		}
		all = append(all, ReceivedSection{code, Raw(value), one})
		rest = behind
	}
	return all, nil
}

// FindSection is the first section with the code, or nil.
func FindSection(sections []ReceivedSection, code uint64) *ReceivedSection {
	for i := range sections {
		if sections[i].Code == code {
			return &sections[i]
		}
	}
	return nil
}

// BareOctets are the octets of properties, application properties and body: what nobody on the way may touch [messaging 3.2].
func BareOctets(sections []ReceivedSection) []byte {
	var b []byte
	for _, s := range sections {
		if s.Code >= CodeProperties && s.Code <= CodeValue {
			b = append(b, s.Octets...)
		}
	}
	return b
}
