package server_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/server"
)

// encoders compress what a test sends, by the Content-Encoding that it says.
var encoders = map[string]func(w io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"Deflate": func(w io.Writer) io.WriteCloser {
		bare, err := flate.NewWriter(w, flate.BestCompression)
		if err != nil {
			panic(err)
		}
		return bare
	},
	"br": func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		return z
	},
	"gzip, identity, br": func(w io.Writer) io.WriteCloser {
		outer := brotli.NewWriter(w)
		return both{gzip.NewWriter(outer), outer}
	},
}

// both closes the inner writer, then the outer one.
type both struct {
	io.WriteCloser
	outer io.Closer
}

func (b both) Close() error {
	if err := b.WriteCloser.Close(); err != nil {
		return err
	}
	return b.outer.Close()
}

func encode(t *testing.T, name, text string) string {
	var out bytes.Buffer
	w := encoders[name](&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

func TestABodyMayBeCompressed(t *testing.T) {
	const limit = 20_000
	g := newGateway(t, setting{
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}}},
		server:  func(c *server.Config) { c.Calls.MaxBodyBytes = limit },
	})
	for name := range encoders {
		t.Run(name, func(t *testing.T) {
			header := "Content-Encoding: " + name
			text := `{"prompt":"Why? ` + strings.Repeat("x", 10_000) + `"}`
			a := g.call(encode(t, name, text), header, "Content-Type: application/json")
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Equal(t, "Why? "+strings.Repeat("x", 10_000), g.run(a).Input)

			most := strings.Repeat("x", limit)
			require.Equal(t, 200, g.call(encode(t, name, most), header).StatusCode)
			a = g.call(encode(t, name, most+"x"), header)
			require.Equal(t, 413, a.StatusCode)
			requireProblem(t, a, "body_too_large")

			whole := encode(t, name, text)
			a = g.call(whole[:len(whole)/2], header)
			require.Equal(t, 400, a.StatusCode, a.body)
			requireProblem(t, a, "invalid_encoding")
			require.NotContains(t, a.body, "xxx")
		})
	}
	require.Equal(t, 400, g.call("", "Content-Encoding: gzip").StatusCode, "an empty body has no prompt")
}

// A small body that becomes a large one costs what the client may send, not what it becomes.
func TestACompressedBombIsCutOff(t *testing.T) {
	g := newGateway(t, setting{})
	for name := range encoders {
		if strings.Contains(name, ",") {
			continue
		}
		bomb := encode(t, name, strings.Repeat("\x00", 64<<20))
		g.call("x") // whatever is made once is there
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := g.call(bomb, "Content-Encoding: "+name)
		runtime.ReadMemStats(&after)
		require.Equal(t, 413, a.StatusCode, "%s: %s", name, a.body)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(24<<20), name)
	}
}
