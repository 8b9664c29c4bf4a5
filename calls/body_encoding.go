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

// The limits of decoding.
const (
	maxEncodings  = 3
	maxZstdWindow = 8 << 20 // bytes, as RFC 8878 recommends for every decoder
)

// decoders maps each Content-Encoding to a function that returns a reader of the decoded bytes.
var decoders = map[string]func(in io.Reader) (io.Reader, error){
	"gzip":    func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) },
	"x-gzip":  func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) },
	"deflate": newDeflateReader,
	"br":      func(in io.Reader) (io.Reader, error) { return brotli.NewReader(in), nil },
	"zstd": func(in io.Reader) (io.Reader, error) {
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	},
}

// newDeflateReader reads "deflate", which is zlib's format (RFC 9110, section 8.4.1.2), and also raw deflate, which
// many senders send under that name.
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

// encodingsOf returns the encodings that Content-Encoding lists, in the order in which they were applied.
func encodingsOf(values []string) (list []string, err error) {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			switch name = strings.ToLower(strings.TrimSpace(name)); {
			case name == "" || name == "identity":
			case decoders[name] == nil || len(list) == maxEncodings:
				return nil, problem.New(problem.Unsupported, problem.CodeUnsupportedEncoding,
					"Beckon does not support the body's Content-Encoding. "+
						"Send the body uncompressed, or with gzip, deflate, br or zstd, and at most %d of them.",
					maxEncodings)
			default:
				list = append(list, name)
			}
		}
	}
	return list, nil
}

// decodeBody replaces Body by what its Content-Encoding decodes to, which must be at most limit bytes, and adjusts the
// memory that held reserves. ReadBody must have been called. Signatures cover the body as it was sent: verify them
// first.
func (r *Request) decodeBody(limit int64) error {
	if len(r.Header.Values("Content-Encoding")) == 0 || len(r.Body) == 0 {
		return nil
	}
	encodings, err := encodingsOf(r.Header.Values("Content-Encoding"))
	if err != nil || len(encodings) == 0 {
		return err
	}
	decoded, err := decodedReader(io.NopCloser(bytes.NewReader(r.Body)), encodings, limit)
	if err != nil {
		return err
	}
	defer decoded.Close()
	body, err := memory.ReadAll(decoded, -1, r.held.Body)
	if err != nil {
		return err
	}
	r.held.Set(int64(cap(body)))
	r.Body = body
	return nil
}

// decodedReader returns a reader that decodes a body. Reading more than limit decoded bytes is a TooLarge problem.
// Closing the reader closes the body.
func decodedReader(body io.ReadCloser, encodings []string, limit int64) (io.ReadCloser, error) {
	d := &decodedBody{
		Reader:    body,
		source:    body,
		limit:     limit,
		left:      limit,
		encodings: strings.Join(encodings, ", "),
		closers:   []io.Closer{body},
	}
	for _, name := range slices.Backward(encodings) {
		next, err := decoders[name](d.Reader)
		if err != nil {
			_ = d.Close()
			return nil, decodingError(name, err)
		}
		d.Reader = next
		if c, ok := next.(io.Closer); ok {
			d.closers = append(d.closers, c)
		}
	}
	return d, nil
}

// decodedBody is the reader that decodedReader returns.
type decodedBody struct {
	io.Reader             // of the decoded bytes
	source    io.Reader   // of the body as it was sent
	limit     int64       // how many decoded bytes are allowed
	left      int64       // how many of them may still be read
	encodings string      // for errors
	closers   []io.Closer // the body and the decoders, in the order in which they were opened
}

func (d *decodedBody) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if d.left -= int64(n); d.left < 0 {
		return n, TooLarge(d.limit)
	}
	if err == io.EOF {
		return n, drain(d.source)
	}
	if err != nil {
		err = decodingError(d.encodings, err)
	}
	return n, err
}

// drain reads in to its end, and returns io.EOF or the error of reading. A decoder may stop before the end of the
// body, since compressed data says where it ends. Reading the rest finds out whether all of the body has arrived.
func drain(in io.Reader) error {
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	return io.EOF
}

// Close closes the decoders and the body.
func (d *decodedBody) Close() (err error) {
	for _, c := range slices.Backward(d.closers) {
		err = errors.Join(err, c.Close())
	}
	return err
}

// decodingError returns err if it is a problem already, such as a body that could not be read, and otherwise the
// problem of a body that does not have the encodings it declares.
func decodingError(encodings string, err error) error {
	if isProblem(err) {
		return err
	}
	return invalidEncoding(encodings, err)
}

// hintAtGzip returns err, or a clearer problem if a body cannot be read because it is gzip without a Content-Encoding.
func (r *Request) hintAtGzip(err error) error {
	unreadable := []string{
		problem.CodeInvalidUTF8, problem.CodeInvalidJSON, problem.CodeInvalidForm, problem.CodeInvalidText,
	}
	p := problem.Of(err)
	if !bytes.HasPrefix(r.Body, []byte("\x1f\x8b")) || r.Header.Get("Content-Encoding") != "" ||
		!slices.Contains(unreadable, p.Code) {
		return err
	}
	return problem.New(p.Kind, p.Code, "The body looks like gzip. Set Content-Encoding: gzip, or send it uncompressed.")
}

func invalidEncoding(name string, err error) error {
	return problem.New(problem.Invalid, problem.CodeInvalidEncoding,
		"The body is not valid %s, or it is cut off. Content-Encoding must name the encoding that the body has.",
		name).Because(err)
}
