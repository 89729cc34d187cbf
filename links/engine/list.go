package engine

// list is an intrusive list: its elements are fields of what they belong to, so that being owed something costs no
// allocation and leaving a list costs no search. The zero value is empty.
type list[T any] struct{ first, last *elem[T] }

// elem is a place in at most one list at a time.
type elem[T any] struct {
	owner      T // set once
	in         *list[T]
	next, prev *elem[T]
}

// pushBack puts e at the end of l, unless it is in l already; it leaves any other list.
func (l *list[T]) pushBack(e *elem[T]) {
	if e.in == l {
		return
	}
	e.unlink()
	e.in, e.prev = l, l.last
	if l.last == nil {
		l.first = e
	} else {
		l.last.next = e
	}
	l.last = e
}

// moveBack puts e at the end of l even if it is in l already.
func (l *list[T]) moveBack(e *elem[T]) {
	e.unlink()
	l.pushBack(e)
}

// pop takes the first element out, nil if there is none.
func (l *list[T]) pop() *elem[T] {
	e := l.first
	if e != nil {
		e.unlink()
	}
	return e
}

// drainTo moves all elements, in order, to the end of o.
func (l *list[T]) drainTo(o *list[T]) {
	for e := l.first; e != nil; e = l.first {
		o.pushBack(e)
	}
}

func (l *list[T]) empty() bool { return l.first == nil }

// unlink takes e out of the list it is in, if any.
func (e *elem[T]) unlink() {
	l := e.in
	if l == nil {
		return
	}
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.in, e.next, e.prev = nil, nil, nil
}
