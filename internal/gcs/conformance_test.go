package gcs

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"

	"beckon/internal/gcs/gcstest"
)

// TestConformance plays the Go CDK's own tests of drivers.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		return harness{gcstest.New(t, "files")}, nil
	}, nil)
}

type harness struct{ server *gcstest.Server }

func (h harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return quick("files", h.server.URL), nil
}

func (h harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return quick("others", h.server.URL), nil
}

func (harness) HTTPClient() *http.Client         { return nil }
func (harness) SupportsCopy() bool               { return false }
func (harness) SupportsNonSlashDelimiters() bool { return true }
func (harness) SkipDownloadAt() bool             { return true }
func (harness) Close()                           {}

// quick is a bucket that does not wait between attempts.
func quick(name, server string) *bucket {
	b := newBucket(name, server)
	b.backOff = func() backoff.BackOff { return backoff.NewConstantBackOff(time.Microsecond) }
	return b
}
