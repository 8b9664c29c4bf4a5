//go:build !nobuckets

package artifacts_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/s3blob"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// s3 is a server that speaks S3's protocol.
type s3 struct {
	*httptest.Server
	backend gofakes3.Backend
	refuses atomic.Bool // it answers what S3 answers to wrong credentials
	parts   atomic.Int64
}

const bucketName = "files"

func newS3(t *testing.T) *s3 {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s := &s3{backend: s3mem.New()}
	require.NoError(t, s.backend.CreateBucket(bucketName))
	fake := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuses.Load() || !strings.Contains(r.Header.Get("Authorization"), "Credential=key/") {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, "<Error><Code>InvalidAccessKeyId</Code><Message>The key does not exist.</Message></Error>")
			return
		}
		if r.URL.Query().Has("partNumber") {
			s.parts.Add(1)
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// url is what artifacts.url says.
func (s *s3) url(bucket string) string {
	return "s3://" + bucket + "?region=us-east-1&use_path_style=true&prefix=beckon/&endpoint=" + url.QueryEscape(s.URL)
}

// keys are the names of what the bucket has.
func (s *s3) keys(t *testing.T) (list []string) {
	objects, err := s.backend.ListBucket(bucketName, nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	for _, o := range objects.Contents {
		list = append(list, o.Key)
	}
	return list
}

func (s *s3) config(bucket string) func(*artifacts.Config) {
	return func(c *artifacts.Config) { c.URL = s.url(bucket) }
}

func TestABucket(t *testing.T) {
	bucket := newS3(t)
	s := storetest.Open(t, storetest.Default(t))
	service, _ := newService(t, s, bucket.config(bucketName))
	addRun(t, s, maker.RunID, false)

	a := save(t, service, "a.png", "", png+"0123456789")
	require.Equal(t, "image/png", a.MediaType)
	require.Equal(t, []string{"beckon/" + a.ID[len(a.ID)-2:] + "/" + a.ID}, bucket.keys(t))
	keep(t, s, service, a)
	found, err := service.Get(t.Context(), a.ID)
	require.NoError(t, err)
	for _, tt := range []struct {
		asked, want string
		status      int
	}{
		{"", png + "0123456789", 200},
		{"bytes=-4", "6789", 206},
		{fmt.Sprintf("bytes=%d-%d", len(png)+1, len(png)+3), "123", 206},
		{"bytes=1000-", "", 416},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if tt.asked != "" {
			r.Header.Set("Range", tt.asked)
		}
		require.NoError(t, service.Serve(w, r, found))
		require.Equal(t, tt.status, w.Code, tt.asked)
		if tt.status != 416 {
			require.Equal(t, tt.want, w.Body.String())
		}
	}
	require.NoError(t, service.Remove(t.Context(), a.ID))
	require.Empty(t, bucket.keys(t))
	require.Error(t, service.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), found), "another replica has removed it")

	// A file of several parts, which is hashed and sent as it comes.
	large, err := service.Save(t.Context(), maker, "large", "", &endless{12 << 20})
	require.NoError(t, err)
	require.EqualValues(t, 12<<20, large.Bytes)
	require.EqualValues(t, 3, bucket.parts.Load())

	// A file over the limit leaves no object behind, and neither does the file of a removed run.
	_, err = service.Save(t.Context(), maker, "too large", "", &endless{artifacts.DefaultMaxBytes + 1})
	require.Equal(t, problem.CodeArtifactTooLarge, problem.Of(err).Code)
	require.Len(t, bucket.keys(t), 1)
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return service.RemoveOf(tx, []string{maker.RunID}) }))
	require.NoError(t, service.RemoveUnused(t.Context()))
	require.Empty(t, bucket.keys(t))
	require.Empty(t, states(t, s))
}

// The file of a call goes to the bucket, too. It is discarded with a call that is refused, and an hour after a process that died.
func TestABucketForUploads(t *testing.T) {
	bucket, at := newS3(t), newClock()
	s := storetest.Open(t, storetest.Default(t))
	service, _ := newService(t, s, bucket.config(bucketName), func(c *artifacts.Config) { c.Now = at.now })
	upload := func() agents.Artifact {
		a, err := service.Upload(t.Context(), "run_2", "ci", "call.wav", "audio/wav", strings.NewReader("hello"))
		require.NoError(t, err)
		return a
	}
	service.Discard(t.Context(), []agents.Artifact{upload()})
	require.Empty(t, bucket.keys(t))
	upload()
	at.at = at.at.Add(time.Hour + time.Minute)
	require.NoError(t, service.RemoveUnused(t.Context()))
	require.Empty(t, bucket.keys(t))
	require.Empty(t, states(t, s))
}

func TestABucketThatCannotBeUsed(t *testing.T) {
	for name, of := range map[string]struct {
		bucket, cause string
		change        func(*s3)
	}{
		"wrong credentials": {bucketName, "InvalidAccessKeyId", func(bucket *s3) { bucket.refuses.Store(true) }},
		"no such bucket":    {"missing", "NoSuchBucket", func(*s3) {}},
		"no server":         {bucketName, "connection refused", func(bucket *s3) { bucket.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := newS3(t)
			s := storetest.Open(t, storetest.SQLite(t))
			service, _ := newService(t, s, bucket.config(of.bucket))
			of.change(bucket)
			_, err := service.Save(t.Context(), maker, "x", "", strings.NewReader("x"))
			p := problem.Of(err)
			require.Equal(t, problem.CodeArtifactsUnavailable, p.Code)
			require.Contains(t, p.Detail, "artifacts.url")
			require.NotContains(t, p.Detail, "127.0.0.1")
			require.ErrorContains(t, p.Unwrap(), of.cause, "for the log")
			for _, state := range states(t, s) {
				require.Equal(t, "REMOVED", state, "it is removed when the bucket can be used")
			}
		})
	}
}
