package main

import (
	"io"
	"iter"

	"github.com/tmaxmax/go-sse"
)

// readEvents reads Server-Sent Events to the end of the stream. An event without data is none, and one that was cut off
// is left out. The last id that the stream has named is that of the events behind it, too.
func readEvents(r io.Reader) iter.Seq2[runEvent, error] {
	return func(yield func(runEvent, error) bool) {
		for e, err := range sse.Read(wholeLines{r}, &sse.ReadConfig{MaxEventSize: maxAnswer}) {
			if err == nil && e.Data == "" {
				continue
			}
			if !yield(runEvent{id: e.LastEventID, kind: e.Type, data: []byte(e.Data)}, err) {
				return
			}
		}
	}
}

// wholeLines reads on until a line has ended. The library looks through all of an event again at each read: without
// this it would take seconds for one of some megabytes that comes in small pieces.
type wholeLines struct{ io.Reader }

func (w wholeLines) Read(p []byte) (n int, err error) {
	for err == nil && n < len(p) && (n == 0 || p[n-1] != '\n') {
		var more int
		more, err = w.Reader.Read(p[n:])
		n += more
	}
	return n, err
}
