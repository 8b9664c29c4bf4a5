package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// answerTime bounds how long Google may take to begin an answer after it has all of a request.
const answerTime = time.Minute

func init() { blob.DefaultURLMux().RegisterBucket("gs", opener{}) }

type opener struct{}

// OpenBucketURL opens a URL such as gs://bucket. It may have the parameters anonymous=true, for buckets that everybody
// may use, and universe_domain, for clouds of Google's that are not at googleapis.com. STORAGE_EMULATOR_HOST names a
// server to use in place of Google's, without credentials.
func (opener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	b, err := open(u)
	if err != nil {
		return nil, fmt.Errorf("open bucket gs://%s: %w", u.Host, err)
	}
	return blob.NewBucket(b), nil
}

func open(u *url.URL) (*bucket, error) {
	if u.Host == "" {
		return nil, errors.New("it has no name: write gs://BUCKET")
	}
	anonymous, universe := false, cmp.Or(os.Getenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN"), "googleapis.com")
	for name, values := range u.Query() {
		var err error
		switch name {
		case "anonymous":
			anonymous, err = strconv.ParseBool(values[0])
		case "universe_domain":
			universe = values[0]
		default:
			err = errors.New("unknown parameter: gs:// takes anonymous, universe_domain and prefix")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	b := newBucket(u.Host, "https://storage."+universe)
	emulator := os.Getenv("STORAGE_EMULATOR_HOST")
	switch {
	case emulator != "":
		if !strings.Contains(emulator, "://") {
			emulator = "http://" + emulator
		}
		b.server = strings.TrimSuffix(emulator, "/")
	case !anonymous:
		b.http.Transport = &oauth2.Transport{Base: b.http.Transport, Source: &credentials{universe: universe}}
	}
	return b, nil
}

func newBucket(name, server string) *bucket {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	return &bucket{name: name, server: server,
		http: &http.Client{
			Transport: transport,
			// A 308 asks for more of an upload.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		// Google's advice: https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff
		backOff: func() backoff.BackOff {
			return &backoff.ExponentialBackOff{InitialInterval: time.Second, RandomizationFactor: 0.5, Multiplier: 2,
				MaxInterval: 32 * time.Second}
		}}
}

// credentials are Google's application default credentials. They are looked for when the first request needs them:
// where there are none, this takes seconds.
type credentials struct {
	universe string

	mu    sync.Mutex
	found oauth2.TokenSource // nil before
}

// credentialsError tells that there is no token to send. It is not retried.
type credentialsError struct{ error }

func (e credentialsError) Unwrap() error { return e.error }

// Token implements oauth2.TokenSource.
func (c *credentials) Token() (*oauth2.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil {
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: answerTime})
		found, err := google.FindDefaultCredentialsWithParams(ctx, google.CredentialsParams{
			Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}, UniverseDomain: c.universe})
		if err != nil {
			return nil, credentialsError{err}
		}
		c.found = found.TokenSource
	}
	token, err := c.found.Token()
	if err != nil {
		return nil, credentialsError{err}
	}
	return token, nil
}
