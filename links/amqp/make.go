package amqp

import (
	"fmt"
	"time"
)

// Make encodes a Go value: nil, bool, integers (int and int64 are longs, uint and uint64 ulongs, the sized ones their
// likes), float32, float64, string, Symbol, SequenceNo (uint), []byte (binary), [16]byte (uuid), time.Time (timestamp), []Symbol
// (array), []any (list), DeliveryState, Raw (itself). It panics on anything else. For set-up code, not for the hot path.
func Make(v any) Raw { return appendAny(nil, v) }

// MakeMap is a map of keys and values alternately, each as in Make.
func MakeMap(keysAndValues ...any) Raw { return AppendMap(nil, makeAll(keysAndValues)) }

// MakeDescribed is value under a descriptor, a Symbol or uint64, each as in Make.
func MakeDescribed(descriptor, value any) Raw {
	return appendAny(appendAny([]byte{ctorDescribed}, descriptor), value)
}

func makeAll(values []any) []Raw {
	raws := make([]Raw, len(values))
	for i, v := range values {
		raws[i] = Make(v)
	}
	return raws
}

func appendAny(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return AppendNull(dst)
	case Raw:
		return appendRaw(dst, v)
	case bool:
		return AppendBool(dst, v)
	case uint8:
		return AppendUbyte(dst, v)
	case uint16:
		return AppendUshort(dst, v)
	case uint32:
		return AppendUint(dst, v)
	case SequenceNo:
		return AppendUint(dst, uint32(v))
	case uint64:
		return AppendUlong(dst, v)
	case uint:
		return AppendUlong(dst, uint64(v))
	case int8:
		return AppendByte(dst, v)
	case int16:
		return AppendShort(dst, v)
	case int32:
		return AppendInt(dst, v)
	case int64:
		return AppendLong(dst, v)
	case int:
		return AppendLong(dst, int64(v))
	case float32:
		return AppendFloat(dst, v)
	case float64:
		return AppendDouble(dst, v)
	case string:
		return AppendString(dst, v)
	case Symbol:
		return AppendSymbol(dst, v)
	case []byte:
		return AppendBinary(dst, v)
	case [16]byte:
		return AppendUUID(dst, v)
	case time.Time:
		return AppendTimestamp(dst, v.UnixMilli())
	case []Symbol:
		return AppendSymbols(dst, v)
	case []any:
		return AppendList(dst, makeAll(v))
	case DeliveryState:
		return v.Append(dst)
	}
	panic(fmt.Sprintf("amqp: Make: no AMQP type for %T", v))
}
