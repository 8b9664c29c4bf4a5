package store

import "gorm.io/gorm"

// leftOver is what one write leaves to be written at the end of its transaction.
type leftOver struct {
	key   string
	item  any
	write func(items []any) error
}

// Later has item written at the end of the transaction of the Write that calls it, together with what other
// Writes in it have left under the same key: on SQLite they share a transaction, and a statement for all is cheaper than
// one for each. An item whose Write fails is left out. On PostgreSQL, item is written at once.
func (s *Store) Later(key string, item any, write func(items []any) error) error {
	w, ok := s.writer.(*groupedWriter)
	if !ok {
		return write([]any{item})
	}
	w.later = append(w.later, leftOver{key, item, write})
	return nil
}

// writeLater writes what the group has left, key by key in the order in which they came up.
func (w *groupedWriter) writeLater() error {
	left := w.later
	for len(left) > 0 {
		first := left[0]
		var items []any
		var others []leftOver
		for _, l := range left {
			if l.key == first.key {
				items = append(items, l.item)
			} else {
				others = append(others, l)
			}
		}
		if err := call(func(*gorm.DB) error { return first.write(items) }, w.tx); err != nil {
			return err
		}
		left = others
	}
	return nil
}
