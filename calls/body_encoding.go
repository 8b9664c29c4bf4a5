package calls

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"beckon/internal/memory"
	"beckon/internal/problem"
)

// The bounds of what a body may ask of its decoder.
const (
	maxEncodings  = 3
	maxZstdWindow = 8 << 20 // bytes, as RFC 8878 recommends for every decoder
)

// decoders makes what was encoded readable, by the name in Content-Encoding.
var decoders = map[string]func(in io.Reader) (io.Reader, error){
	"gzip":    func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) },
	"x-gzip":  func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) },
	"deflate": newDeflateReader,
	"br":      func(in io.Reader) (io.Reader, error) { return brotli.NewReader(in), nil },
	"zstd": func(in io.Reader) (io.Reader, error) {
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	},
}

// newDeflateReader reads zlib's format, which the name stands for (RFC 9110, section 8.4.1.2), and bare deflate, which
// many senders mean by it.
func newDeflateReader(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(in)
	head, err := buffered.Peek(2)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// encodingsOf returns the encodings of a body, in the order in which they were applied.
func encodingsOf(values []string) (list []string, err error) {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			switch name = strings.ToLower(strings.TrimSpace(name)); {
			case name == "" || name == "identity":
			case decoders[name] == nil || len(list) == maxEncodings:
				return nil, problem.New(problem.Unsupported, problem.CodeUnsupportedEncoding, "The body has an encoding that Beckon does not read. Send it as it is, or with Content-Encoding: gzip, deflate, br or zstd.")
			default:
				list = append(list, name)
			}
		}
	}
	return list, nil
}

// decodeBody decodes a body that was sent with a Content-Encoding; the result has at most limit bytes, for which memory is
// reserved in held. The body must be read. What a sender has signed is the body as it was before.
func (r *Request) decodeBody(limit int64) error {
	if len(r.Header.Values("Content-Encoding")) == 0 || len(r.Body) == 0 {
		return nil
	}
	encodings, err := encodingsOf(r.Header.Values("Content-Encoding"))
	if err != nil || len(encodings) == 0 {
		return err
	}
	var decoded io.Reader = bytes.NewReader(r.Body)
	for _, name := range slices.Backward(encodings) {
		if decoded, err = decoders[name](decoded); err != nil {
			return invalidEncoding(name, err)
		}
		if c, ok := decoded.(io.Closer); ok {
			defer c.Close()
		}
	}
	body, err := memory.ReadAll(io.LimitReader(decoded, limit+1), -1, r.held.Body)
	switch {
	case errors.Is(err, memory.ErrFull):
		return err
	case err != nil:
		return invalidEncoding(strings.Join(encodings, ", "), err)
	case int64(len(body)) > limit:
		return TooLarge(limit)
	}
	r.held.Set(int64(cap(body)))
	r.Body = body
	return nil
}

func invalidEncoding(name string, err error) error {
	return problem.New(problem.Invalid, problem.CodeInvalidEncoding, "The body is not valid %s, or it is cut off. Its Content-Encoding must say how it is encoded.", name).Because(err)
}
