package egress_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// noise does not compress: 64 KiB of it are as much in gzip.
func noise() []byte {
	b := make([]byte, 64<<10)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func TestWhatIsKept(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	bomb := zipped(t, make([]byte, 20<<20))
	require.Greater(t, len(bomb), egress.KeptBytes)
	smallBomb := zipped(t, make([]byte, 1<<20))
	require.Less(t, len(smallBomb), egress.KeptBytes)
	corrupt := zipped(t, []byte("hello"))
	corrupt[len(corrupt)-5] ^= 1 // in the checksum
	for name, c := range map[string]struct {
		encoding  string
		sent      []byte
		kept      []byte
		truncated bool
	}{
		"nothing":                  {"", nil, []byte{}, false},
		"short":                    {"", []byte("ok"), []byte("ok"), false},
		"all that is kept":         {"", long[:egress.KeptBytes], long[:egress.KeptBytes], false},
		"one byte more":            {"", long[:egress.KeptBytes+1], long[:egress.KeptBytes], true},
		"much more":                {"", long, long[:egress.KeptBytes], true},
		"gzip":                     {"gzip", zipped(t, []byte("hello")), []byte("hello"), false},
		"gzip by another name":     {"X-GZip", zipped(t, []byte("hello")), []byte("hello"), false},
		"gzip of nothing":          {"gzip", zipped(t, nil), []byte{}, false},
		"gzip of all that is kept": {"gzip", zipped(t, long[:egress.KeptBytes]), long[:egress.KeptBytes], false},
		"gzip of more":             {"gzip", zipped(t, long), long[:egress.KeptBytes], true},
		"gzip twice":               {"gzip", zipped(t, zipped(t, []byte("hello"))), zipped(t, []byte("hello")), false},
		"gzip in two members":      {"gzip", append(zipped(t, []byte("hel")), zipped(t, []byte("lo"))...), []byte("hello"), false},
		"bomb in 1 KB":             {"gzip", smallBomb, make([]byte, egress.KeptBytes), true},
		"bomb in 20 KB":            {"gzip", bomb, make([]byte, egress.KeptBytes), true},
		"gzip that is not":         {"gzip", []byte("hello"), []byte("hello"), false},
		"gzip, announced only":     {"gzip", nil, []byte{}, false},
		"gzip, corrupt":            {"gzip", corrupt, corrupt, false},
		"gzip, cut off":            {"gzip", zipped(t, []byte("hello"))[:12], zipped(t, []byte("hello"))[:12], false},
		"another encoding":         {"br", []byte{1, 2, 3}, []byte{1, 2, 3}, false},
		"unannounced gzip":         {"", zipped(t, []byte("hello")), zipped(t, []byte("hello")), false},
	} {
		t.Run(name, func(t *testing.T) {
			server := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept-Encoding") != "" {
					w.WriteHeader(http.StatusBadRequest)
				}
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				_, _ = w.Write(c.sent)
			})
			answer, err := wayOut(t).Post(t.Context(), server.URL, nil, []byte("{}"), patience)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.Status)
			require.Equal(t, c.kept, answer.Body)
			require.Equal(t, c.truncated, answer.Truncated)
			require.Equal(t, c.encoding, answer.Header.Get("Content-Encoding"))
		})
	}
}

func TestGzipThatDoesNotCompress(t *testing.T) {
	text := noise()
	server := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped(t, text))
	})
	answer, err := wayOut(t).Post(t.Context(), server.URL, nil, nil, patience)
	require.NoError(t, err)
	require.True(t, answer.Truncated)
	require.NotEmpty(t, answer.Body)
	require.True(t, bytes.HasPrefix(text, answer.Body), "the beginning of the text, not the compressed bytes")
}

// A receiver that answers a gigabyte gets rid of no more than what fits into buffers, and the exchange ends at once.
func TestAGigabyte(t *testing.T) {
	const inBuffers = 32 << 20 // of the two kernels' ends; the rest of the gigabyte has no place to go
	for name, c := range map[string]struct {
		announced, secure bool
		most              int64
	}{
		"announced": {true, false, inBuffers}, "chunked": {false, false, inBuffers}, "HTTP/2": {false, true, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var written atomic.Int64
			ended := make(chan struct{})
			server := secureReceiver(t, c.secure, func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				if c.announced {
					w.Header().Set("Content-Length", "1073741824")
				}
				for part := make([]byte, 16<<10); written.Load() < 1<<30; {
					n, err := w.Write(part)
					written.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			out := wayOut(t)
			if c.secure {
				out.Trust(rootsOf(server))
			}
			started := time.Now()
			answer, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), patience)
			require.NoError(t, err)
			require.Less(t, time.Since(started), patience/2)
			require.Len(t, answer.Body, egress.KeptBytes)
			require.True(t, answer.Truncated)
			<-ended
			require.Less(t, written.Load(), c.most)
		})
	}
}

func TestAnAnswerThatBreaksOff(t *testing.T) {
	server := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half of i")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	answer, err := wayOut(t).Post(t.Context(), server.URL, nil, []byte("{}"), patience)
	requireFailed(t, err, "connection_reset", "in the middle of its answer")
	require.Equal(t, http.StatusOK, answer.Status)
	require.Equal(t, "half of i", string(answer.Body))
}
