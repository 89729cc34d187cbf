package config

// Reloaded is what a broker that runs with c runs with after it has read next: the values of keys that are Live are next's. taken are those
// that changed so, waiting the others that differ: they are for the next start.
func (c Config) Reloaded(next Config) (now Config, taken, waiting []*Key) {
	now = c
	for _, k := range keys {
		switch v := next.value(k); {
		case v == c.value(k):
		case k.Live:
			assign(k.field(&now), v)
			taken = append(taken, k)
		default:
			waiting = append(waiting, k)
		}
	}
	return now, taken, waiting
}
