package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"beckon/internal/gcs/gcstest"
)

// log is what a server was asked.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := r.Method + " " + r.URL.RequestURI()
	for _, name := range []string{"Content-Range", "Range", "X-Upload-Content-Type", "X-Goog-Hash"} {
		if v := r.Header.Get(name); v != "" {
			line += " | " + name + ": " + v
		}
	}
	l.lines = append(l.lines, line)
}

const session = "/upload/storage/v1/b/files/o?uploadType=resumable&upload_id=upload-1"

// The requests are those of https://cloud.google.com/storage/docs/performing-resumable-uploads and of the references of
// objects: get and delete.
func TestRequests(t *testing.T) {
	server := gcstest.New(t, "files")
	var asked log
	server.Around = func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
		asked.add(r)
		require.Equal(t, "beckon", r.UserAgent())
		serve.ServeHTTP(w, r)
	}
	b := blob.NewBucket(quick("files", server.URL))
	w, err := b.NewWriter(t.Context(), "a b/c+d.png", &blob.WriterOptions{ContentType: "image/png", BufferSize: 1})
	require.NoError(t, err)
	content := strings.Repeat("x", partUnit) + "the end"
	_, err = w.Write([]byte(content))
	require.NoError(t, err)
	require.Empty(t, server.Content(), "it is not there before it has been closed")
	require.NoError(t, w.Close())
	require.Equal(t, map[string]string{"a b/c+d.png": content}, server.Content())

	r, err := b.NewRangeReader(t.Context(), "a b/c+d.png", partUnit, 3, nil)
	require.NoError(t, err)
	require.EqualValues(t, len(content), r.Size())
	require.NoError(t, r.Close())
	require.NoError(t, b.Delete(t.Context(), "a b/c+d.png"))
	require.Equal(t, []string{
		"POST /upload/storage/v1/b/files/o?name=a+b%2Fc%2Bd.png&uploadType=resumable | X-Upload-Content-Type: image/png",
		"PUT " + session + " | Content-Range: bytes 0-262143/*",
		"PUT " + session + " | Content-Range: bytes 262144-262150/262151 | X-Goog-Hash: crc32c=SNmg4w==",
		"GET /storage/v1/b/files/o/a%20b%2Fc%2Bd.png?alt=media | Range: bytes=262144-262146",
		"DELETE /storage/v1/b/files/o/a%20b%2Fc%2Bd.png",
	}, asked.lines)
}

// A part that Google has only some of, an answer that is lost, and a server that is busy: the object is whole.
func TestUploadsGoOn(t *testing.T) {
	for name, fails := range map[string]func(w http.ResponseWriter, r *http.Request, serve http.Handler){
		"busy": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(503) },
		"slow down": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"lost answer": func(_ http.ResponseWriter, r *http.Request, serve http.Handler) {
			serve.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		},
		"lost request": func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
		"half of a part": func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
			var first, last int
			if n, _ := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/", &first, &last); n != 2 || last-first < partUnit {
				serve.ServeHTTP(w, r)
				return
			}
			r.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", first, first+partUnit-1))
			r.Body = io.NopCloser(io.LimitReader(r.Body, partUnit))
			serve.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := gcstest.New(t, "files")
			var n atomic.Int64
			server.Around = func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
				if n.Add(1)%3 == 1 { // of beginning, sending and asking
					fails(w, r, serve)
					return
				}
				serve.ServeHTTP(w, r)
			}
			content := strings.Repeat("0123456789abcdef", partUnit/4) + "the end" // four parts and a bit
			b := blob.NewBucket(quick("files", server.URL))
			w, err := b.NewWriter(t.Context(), "key", &blob.WriterOptions{ContentType: "text/plain", BufferSize: 2 * partUnit})
			require.NoError(t, err)
			_, err = w.Write([]byte(content))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.True(t, server.Content()["key"] == content)
		})
	}
}

// What was not written whole is not there: not when its writer is closed after ctx has ended, not when Google refuses the
// end, and not when the end arrived and all its answers were lost.
func TestUploadsThatFailLeaveNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		around func(w http.ResponseWriter, r *http.Request, serve http.Handler)
		cancel bool
	}{
		"canceled": {cancel: true},
		"the end is refused": {around: func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
			if strings.HasSuffix(r.Header.Get("Content-Range"), "/262151") {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			serve.ServeHTTP(w, r)
		}},
		"the end's answers are lost": {around: func() func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
			var ended atomic.Int64
			return func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
				isEnd := strings.HasSuffix(r.Header.Get("Content-Range"), "/262151")
				if (isEnd || ended.Load() > 0) && ended.Add(1) <= attempts {
					serve.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				serve.ServeHTTP(w, r)
			}
		}()},
		"the end's file has another checksum": {around: func(w http.ResponseWriter, r *http.Request, serve http.Handler) {
			if r.Header.Get("X-Goog-Hash") != "" {
				r.Header.Set("X-Goog-Hash", "crc32c=AAAAAA==")
			}
			serve.ServeHTTP(w, r)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server := gcstest.New(t, "files")
			server.Around = tt.around
			b := blob.NewBucket(quick("files", server.URL))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			w, err := b.NewWriter(ctx, "key", &blob.WriterOptions{ContentType: "text/plain", BufferSize: 1})
			require.NoError(t, err)
			_, err = w.Write([]byte(strings.Repeat("x", partUnit) + "the end"))
			require.NoError(t, err)
			gone := errors.New("the caller has gone")
			if tt.cancel {
				cancel(gone)
			}
			err = w.Close()
			require.Error(t, err)
			if tt.cancel {
				require.ErrorIs(t, err, gone)
			}
			require.NotContains(t, err.Error(), "upload_id", "whoever knows it can write")
			require.Empty(t, server.Content())
			require.Zero(t, server.Open(), "Google was told to drop it")
		})
	}
}

func TestErrors(t *testing.T) {
	for status, want := range map[int]gcerrors.ErrorCode{
		400: gcerrors.InvalidArgument, 401: gcerrors.PermissionDenied, 403: gcerrors.PermissionDenied,
		404: gcerrors.NotFound, 412: gcerrors.FailedPrecondition, 416: gcerrors.InvalidArgument,
		429: gcerrors.ResourceExhausted, 500: gcerrors.Unknown, 503: gcerrors.Unknown,
	} {
		server := gcstest.New(t, "files")
		var n atomic.Int64
		server.Around = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			n.Add(1)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, `{"error": {"code": 0, "message": "The account may not do this."}}`)
		}
		b := blob.NewBucket(quick("files", server.URL))
		_, err := b.Attributes(t.Context(), "key")
		require.Equal(t, want, gcerrors.Code(err), status)
		require.ErrorContains(t, err, fmt.Sprintf("gs:// answered %d: The account may not do this.", status))
		if status == 429 || status >= 500 {
			require.EqualValues(t, attempts, n.Load(), status)
		} else {
			require.EqualValues(t, 1, n.Load(), status)
		}
		_, err = b.SignedURL(t.Context(), "key", nil)
		require.Equal(t, gcerrors.Unimplemented, gcerrors.Code(err))
	}
}
