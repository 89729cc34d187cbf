package amqp

// Constructors. [types 1.6] The high half of the byte tells how wide the content is, see width.
const (
	ctorDescribed  = 0x00
	ctorNull       = 0x40
	ctorTrue       = 0x41
	ctorFalse      = 0x42
	ctorBool       = 0x56
	ctorUbyte      = 0x50
	ctorUshort     = 0x60
	ctorUint       = 0x70
	ctorSmallUint  = 0x52
	ctorUint0      = 0x43
	ctorUlong      = 0x80
	ctorSmallUlong = 0x53
	ctorUlong0     = 0x44
	ctorByte       = 0x51
	ctorShort      = 0x61
	ctorInt        = 0x71
	ctorSmallInt   = 0x54
	ctorLong       = 0x81
	ctorSmallLong  = 0x55
	ctorFloat      = 0x72
	ctorDouble     = 0x82
	ctorDecimal32  = 0x74
	ctorDecimal64  = 0x84
	ctorDecimal128 = 0x94
	ctorChar       = 0x73
	ctorTimestamp  = 0x83
	ctorUUID       = 0x98
	ctorBinary8    = 0xa0
	ctorBinary32   = 0xb0
	ctorString8    = 0xa1
	ctorString32   = 0xb1
	ctorSymbol8    = 0xa3
	ctorSymbol32   = 0xb3
	ctorList0      = 0x45
	ctorList8      = 0xc0
	ctorList32     = 0xd0
	ctorMap8       = 0xc1
	ctorMap32      = 0xd1
	ctorArray8     = 0xe0
	ctorArray32    = 0xf0
)

// Kind is the type of an encoded value. [types 1.6]
type Kind uint8

const (
	KindInvalid Kind = iota // nothing there, or no constructor of the specification
	KindDescribed
	KindNull
	KindBool
	KindUbyte
	KindUshort
	KindUint
	KindUlong
	KindByte
	KindShort
	KindInt
	KindLong
	KindFloat
	KindDouble
	KindDecimal32
	KindDecimal64
	KindDecimal128
	KindChar
	KindTimestamp
	KindUUID
	KindBinary
	KindString
	KindSymbol
	KindList
	KindMap
	KindArray
)

var kindNames = [...]string{
	KindInvalid:    "invalid",
	KindDescribed:  "described",
	KindNull:       "null",
	KindBool:       "boolean",
	KindUbyte:      "ubyte",
	KindUshort:     "ushort",
	KindUint:       "uint",
	KindUlong:      "ulong",
	KindByte:       "byte",
	KindShort:      "short",
	KindInt:        "int",
	KindLong:       "long",
	KindFloat:      "float",
	KindDouble:     "double",
	KindDecimal32:  "decimal32",
	KindDecimal64:  "decimal64",
	KindDecimal128: "decimal128",
	KindChar:       "char",
	KindTimestamp:  "timestamp",
	KindUUID:       "uuid",
	KindBinary:     "binary",
	KindString:     "string",
	KindSymbol:     "symbol",
	KindList:       "list",
	KindMap:        "map",
	KindArray:      "array",
}

// String is the specification's name of the type.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindInvalid]
}

// kinds maps each constructor to its type.
var kinds = [256]Kind{
	ctorDescribed:  KindDescribed,
	ctorNull:       KindNull,
	ctorTrue:       KindBool,
	ctorFalse:      KindBool,
	ctorBool:       KindBool,
	ctorUbyte:      KindUbyte,
	ctorUshort:     KindUshort,
	ctorUint:       KindUint,
	ctorSmallUint:  KindUint,
	ctorUint0:      KindUint,
	ctorUlong:      KindUlong,
	ctorSmallUlong: KindUlong,
	ctorUlong0:     KindUlong,
	ctorByte:       KindByte,
	ctorShort:      KindShort,
	ctorInt:        KindInt,
	ctorSmallInt:   KindInt,
	ctorLong:       KindLong,
	ctorSmallLong:  KindLong,
	ctorFloat:      KindFloat,
	ctorDouble:     KindDouble,
	ctorDecimal32:  KindDecimal32,
	ctorDecimal64:  KindDecimal64,
	ctorDecimal128: KindDecimal128,
	ctorChar:       KindChar,
	ctorTimestamp:  KindTimestamp,
	ctorUUID:       KindUUID,
	ctorBinary8:    KindBinary,
	ctorBinary32:   KindBinary,
	ctorString8:    KindString,
	ctorString32:   KindString,
	ctorSymbol8:    KindSymbol,
	ctorSymbol32:   KindSymbol,
	ctorList0:      KindList,
	ctorList8:      KindList,
	ctorList32:     KindList,
	ctorMap8:       KindMap,
	ctorMap32:      KindMap,
	ctorArray8:     KindArray,
	ctorArray32:    KindArray,
}

// Descriptors of the composites, numeric form. The symbolic form is in descriptorOf.
const (
	codeOpen           = 0x10
	codeBegin          = 0x11
	codeAttach         = 0x12
	codeFlow           = 0x13
	codeTransfer       = 0x14
	codeDisposition    = 0x15
	codeDetach         = 0x16
	codeEnd            = 0x17
	codeClose          = 0x18
	codeError          = 0x1d
	codeReceived       = 0x23
	codeAccepted       = 0x24
	codeRejected       = 0x25
	codeReleased       = 0x26
	codeModified       = 0x27
	codeSource         = 0x28
	codeTarget         = 0x29
	codeCoordinator    = 0x30
	codeDeclared       = 0x33
	codeTransactional  = 0x34
	codeSASLMechanisms = 0x40
	codeSASLInit       = 0x41
	codeSASLChallenge  = 0x42
	codeSASLResponse   = 0x43
	codeSASLOutcome    = 0x44
)

// Descriptors of the sections of a message, for AppendSection. [messaging 3.2]
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

// compositeNames are the specification's names of the composites that are lists, by descriptor.
var compositeNames = [...]string{
	codeOpen:           "open",
	codeBegin:          "begin",
	codeAttach:         "attach",
	codeFlow:           "flow",
	codeTransfer:       "transfer",
	codeDisposition:    "disposition",
	codeDetach:         "detach",
	codeEnd:            "end",
	codeClose:          "close",
	codeError:          "error",
	codeReceived:       "received",
	codeAccepted:       "accepted",
	codeRejected:       "rejected",
	codeReleased:       "released",
	codeModified:       "modified",
	codeSource:         "source",
	codeTarget:         "target",
	codeCoordinator:    "coordinator",
	codeSASLMechanisms: "sasl-mechanisms",
	codeSASLInit:       "sasl-init",
	codeSASLChallenge:  "sasl-challenge",
	codeSASLResponse:   "sasl-response",
	codeSASLOutcome:    "sasl-outcome",
	CodeHeader:         "header",
	CodeProperties:     "properties",
}

// compositeName is for errors; unknown composites are refused by whoever asked for them.
func compositeName(code uint64) string {
	if code < uint64(len(compositeNames)) {
		return compositeNames[code]
	}
	return ""
}

// codeUnknown stands for a descriptor that is not numeric and not one of the specification's symbols. As a number it lies
// in a domain that nobody has been given.
const codeUnknown = ^uint64(0)

// descriptorOf is the numeric form of a symbolic descriptor, codeUnknown if the specification defines none.
func descriptorOf(symbol []byte) uint64 {
	switch string(symbol) {
	case "amqp:open:list":
		return codeOpen
	case "amqp:begin:list":
		return codeBegin
	case "amqp:attach:list":
		return codeAttach
	case "amqp:flow:list":
		return codeFlow
	case "amqp:transfer:list":
		return codeTransfer
	case "amqp:disposition:list":
		return codeDisposition
	case "amqp:detach:list":
		return codeDetach
	case "amqp:end:list":
		return codeEnd
	case "amqp:close:list":
		return codeClose
	case "amqp:error:list":
		return codeError
	case "amqp:received:list":
		return codeReceived
	case "amqp:accepted:list":
		return codeAccepted
	case "amqp:rejected:list":
		return codeRejected
	case "amqp:released:list":
		return codeReleased
	case "amqp:modified:list":
		return codeModified
	case "amqp:source:list":
		return codeSource
	case "amqp:target:list":
		return codeTarget
	case "amqp:coordinator:list":
		return codeCoordinator
	case "amqp:declared:list":
		return codeDeclared
	case "amqp:transactional-state:list":
		return codeTransactional
	case "amqp:sasl-mechanisms:list":
		return codeSASLMechanisms
	case "amqp:sasl-init:list":
		return codeSASLInit
	case "amqp:sasl-challenge:list":
		return codeSASLChallenge
	case "amqp:sasl-response:list":
		return codeSASLResponse
	case "amqp:sasl-outcome:list":
		return codeSASLOutcome
	case "amqp:header:list":
		return CodeHeader
	case "amqp:delivery-annotations:map":
		return CodeDeliveryAnnotations
	case "amqp:message-annotations:map":
		return CodeMessageAnnotations
	case "amqp:properties:list":
		return CodeProperties
	case "amqp:application-properties:map":
		return CodeApplicationProperties
	case "amqp:data:binary":
		return CodeData
	case "amqp:amqp-sequence:list":
		return CodeSequence
	case "amqp:amqp-value:*":
		return CodeValue
	case "amqp:footer:map":
		return CodeFooter
	}
	return codeUnknown
}
