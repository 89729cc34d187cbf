// Package statement holds docs/event-api.md against what it speaks of: the requirements in spec/hono and the suite's group of checks. It
// has tests only.
package statement
