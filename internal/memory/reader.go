package memory

import (
	"context"
	"io"
)

// Reader returns a reader of an answer that reserves what it reads of it for the call to which ctx belongs.
func Reader(ctx context.Context, answer io.Reader) io.Reader {
	if r := From(ctx); r != nil {
		return &reader{ctx, answer, r}
	}
	return answer
}

type reader struct {
	ctx         context.Context // of the reading
	answer      io.Reader
	reservation *Reservation
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.answer.Read(p)
	if full := r.reservation.Answer(r.ctx, int64(n)); full != nil {
		return 0, full
	}
	return n, err
}
