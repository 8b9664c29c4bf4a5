package azblob

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// server is a stand-in of Azure Blob Storage with the container "files": the requests for one blob that Beckon makes.
type server struct {
	*httptest.Server
	refuses atomic.Int64 // the status of all answers, unless it is 0
	blocked atomic.Int64 // blocks that were sent

	mu     sync.Mutex
	blobs  map[string]string
	blocks map[string]string
	kinds  map[string]string
}

func newServer(t *testing.T) *server {
	s := &server{blobs: map[string]string{}, blocks: map[string]string{}, kinds: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("the key of the account")))
	for _, name := range []string{"AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_DOMAIN"} {
		t.Setenv(name, "")
	}
	return s
}

func (s *server) url(container string) string {
	return "azblob://" + container + "?prefix=beckon/&localemu=true&protocol=http&domain=" + strings.TrimPrefix(s.URL, "http://")
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sends it has gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, inContainer := strings.CutPrefix(r.URL.Path, "/account/files/")
	content, found := s.blobs[name]
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey account:") || r.URL.Query().Get("sig") == "signature"
	switch {
	case s.refuses.Load() != 0:
		refuse(w, int(s.refuses.Load()), "Refused")
	case !signed:
		refuse(w, http.StatusForbidden, "AuthenticationFailed")
	case !inContainer:
		refuse(w, http.StatusNotFound, "ContainerNotFound")
	case r.Method == http.MethodPut && r.URL.Query().Get("comp") == "block":
		s.blocked.Add(1)
		s.blocks[r.URL.Query().Get("blockid")] = string(body)
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut:
		s.put(w, r, name, body, found)
	case !found:
		refuse(w, http.StatusNotFound, "BlobNotFound")
	case r.Method == http.MethodDelete:
		delete(s.blobs, name)
		w.WriteHeader(http.StatusAccepted)
	default:
		if asked := r.Header.Get("X-Ms-Range"); asked != "" {
			r.Header.Set("Range", asked)
		}
		w.Header().Set("ETag", `"0x1"`)
		w.Header().Set("Content-Type", s.kinds[name])
		http.ServeContent(w, r, "", time.Now(), strings.NewReader(content))
	}
}

// put makes a blob of its content, or of blocks.
func (s *server) put(w http.ResponseWriter, r *http.Request, name string, body []byte, found bool) {
	if found && r.Header.Get("If-None-Match") == "*" {
		refuse(w, http.StatusConflict, "BlobAlreadyExists")
		return
	}
	if r.URL.Query().Get("comp") == "blocklist" {
		var list struct {
			Latest []string `xml:"Latest"`
		}
		if xml.Unmarshal(body, &list) != nil {
			refuse(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		body = nil
		for _, id := range list.Latest {
			body = append(body, s.blocks[id]...)
		}
	}
	s.blobs[name], s.kinds[name] = string(body), r.Header.Get("X-Ms-Blob-Content-Type")
	w.WriteHeader(http.StatusCreated)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
}

func opened(t *testing.T, address string) *blob.Bucket {
	b, err := blob.OpenBucket(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestBucket(t *testing.T) {
	s := newServer(t)
	b := opened(t, s.url("files"))
	require.NoError(t, b.WriteAll(t.Context(), "a b/c", []byte("0123456789"), &blob.WriterOptions{ContentType: "image/png"}))
	require.Equal(t, map[string]string{"beckon/a b/c": "0123456789"}, s.blobs)
	for _, tt := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {7, -1, "789"}, {2, 3, "234"}, {3, 0, ""}} {
		r, err := b.NewRangeReader(t.Context(), "a b/c", tt.offset, tt.length, nil)
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(text))
		require.EqualValues(t, 10, r.Size())
		require.Equal(t, "image/png", r.ContentType())
		require.NoError(t, r.Close())
	}
	a, err := b.Attributes(t.Context(), "a b/c")
	require.NoError(t, err)
	require.EqualValues(t, 10, a.Size)
	require.False(t, a.ModTime.IsZero())
	w, err := b.NewWriter(t.Context(), "a b/c", &blob.WriterOptions{ContentType: "text/plain", IfNotExist: true})
	require.NoError(t, err)
	require.Equal(t, gcerrors.FailedPrecondition, gcerrors.Code(w.Close()))
	require.NoError(t, b.Delete(t.Context(), "a b/c"))
	require.Equal(t, gcerrors.NotFound, gcerrors.Code(b.Delete(t.Context(), "a b/c")))
	exists, err := b.Exists(t.Context(), "a b/c")
	require.NoError(t, err)
	require.False(t, exists)
	_, err = b.SignedURL(t.Context(), "a b/c", nil)
	require.Equal(t, gcerrors.Unimplemented, gcerrors.Code(err))
}

// A large file is sent in blocks. It is there when it has been closed, and not at all when ctx has ended before.
func TestWritesInBlocks(t *testing.T) {
	s := newServer(t)
	b := opened(t, s.url("files"))
	content := strings.Repeat("0123456789abcdef", 3<<20/16) + "the end"
	for _, canceled := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w, err := b.NewWriter(ctx, "large", &blob.WriterOptions{ContentType: "text/plain", BufferSize: 1 << 20, MaxConcurrency: 1})
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
		if canceled {
			cancel()
			require.ErrorIs(t, w.Close(), context.Canceled)
			require.Empty(t, s.blobs)
			s.blocked.Store(0)
			continue
		}
		require.NoError(t, w.Close())
		require.True(t, s.blobs["beckon/large"] == content)
		require.EqualValues(t, 4, s.blocked.Load())
	}
}

func TestErrors(t *testing.T) {
	for status, want := range map[int64]gcerrors.ErrorCode{400: gcerrors.InvalidArgument, 401: gcerrors.PermissionDenied,
		403: gcerrors.PermissionDenied, 404: gcerrors.NotFound, 412: gcerrors.FailedPrecondition} {
		s := newServer(t)
		s.refuses.Store(status)
		_, err := opened(t, s.url("files")).Attributes(t.Context(), "key")
		require.Equal(t, want, gcerrors.Code(err), status)
	}
	_, err := opened(t, newServer(t).url("others")).ReadAll(t.Context(), "key")
	require.ErrorContains(t, err, "ContainerNotFound")
}

func TestOpen(t *testing.T) {
	s := newServer(t)
	t.Setenv("AZURE_STORAGE_KEY", "")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=signature")
	require.NoError(t, opened(t, s.url("files")).WriteAll(t.Context(), "signed", nil, nil))
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=account;AccountKey=YQ==;BlobEndpoint="+s.URL+"/account")
	require.NoError(t, opened(t, "azblob://files").WriteAll(t.Context(), "by connection", nil, nil))
	require.Len(t, s.blobs, 2)

	for query, want := range map[string]string{
		"domain=core.example": "https://account.core.example", "cdn=true&domain=cdn.example": "https://cdn.example",
		"storage_account=other": "https://other.blob.core.windows.net", "": "https://account.blob.core.windows.net",
		"localemu=true&protocol=http&domain=localhost:1": "http://localhost:1/account",
		"protocol=http": "with localemu=true it is http", "localemu=true": "with localemu=true it is http",
		"storage_account=a/b": "AZURE_STORAGE_ACCOUNT", "cdn=perhaps": "cdn: ", "key=a": "key: unknown parameter",
	} {
		p := place{account: "account", domain: "blob.core.windows.net"}
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		service := ""
		if err = p.override(values); err == nil {
			service, err = p.service()
		}
		if err != nil {
			require.ErrorContains(t, err, want)
			continue
		}
		require.Equal(t, want, service)
	}
	require.Equal(t, "a%2F..__0x2f__b%20__0x3f__%2F__0x9__c__0x2f__", escaped("a/../b ?/\tc/"))
}
