// Package gcs is the driver of gs:// buckets: Google Cloud Storage by its JSON API, with net/http alone. Google's own
// client brings gRPC with it, which was a fifth of the program and a third of its packages.
//
// It does what Beckon asks of a bucket. Copies and signed URLs are not implemented, and there are no types for As.
package gcs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"gocloud.dev/blob/driver"
)

// bucket implements driver.Bucket.
type bucket struct {
	name   string
	server string // such as https://storage.googleapis.com
	http   *http.Client
	// backOff is how long to wait between attempts.
	backOff func() backoff.BackOff
}

// resource is what the API tells of an object: https://cloud.google.com/storage/docs/json_api/v1/objects#resource
type resource struct {
	Name               string            `json:"name,omitempty"`
	Generation         string            `json:"generation,omitempty"`
	ContentType        string            `json:"contentType,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	MD5                string            `json:"md5Hash,omitempty"` // in Base64, as all hashes
	Metadata           map[string]string `json:"metadata,omitempty"`
	Size               int64             `json:"size,string,omitempty"`
	ETag               string            `json:"etag,omitempty"`
	Created            time.Time         `json:"timeCreated,omitzero"`
	Updated            time.Time         `json:"updated,omitzero"`
}

func (r resource) md5() []byte {
	sum, err := base64.StdEncoding.DecodeString(r.MD5)
	if err != nil {
		return nil
	}
	return sum
}

// objects is the address of the bucket's objects.
func (b *bucket) objects() string { return b.server + "/storage/v1/b/" + url.PathEscape(b.name) + "/o" }

// object is the address of an object. In a path, Google wants all of its name escaped, with %20 for a space.
func (b *bucket) object(key string) string {
	return b.objects() + "/" + strings.ReplaceAll(url.QueryEscape(escaped.Replace(key)), "+", "%20")
}

// Google takes no line breaks in names, and "../" leads astray. The names are those that gocloud.dev/blob/gcsblob
// gives.
var (
	escaped   = strings.NewReplacer("\n", "__0xa__", "\r", "__0xd__", "../", "..__0x2f__")
	unescaped = strings.NewReplacer("__0xa__", "\n", "__0xd__", "\r", "..__0x2f__", "../")
)

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	var r resource
	if err := b.json(ctx, b.object(key), &r); err != nil {
		return nil, err
	}
	etag := r.ETag
	if !strings.HasSuffix(etag, `"`) {
		etag = strconv.Quote(etag)
	}
	return &driver.Attributes{CacheControl: r.CacheControl, ContentDisposition: r.ContentDisposition,
		ContentEncoding: r.ContentEncoding, ContentLanguage: r.ContentLanguage, ContentType: r.ContentType,
		Metadata: r.Metadata, CreateTime: r.Created, ModTime: r.Updated, Size: r.Size, MD5: r.md5(), ETag: etag}, nil
}

// Delete implements driver.Bucket.
func (b *bucket) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	if err := before(opts.BeforeDelete); err != nil {
		return err
	}
	res, err := b.call(ctx, http.MethodDelete, b.object(key), nil, nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// NewRangeReader implements driver.Bucket. It reads the bytes that are stored: a Content-Encoding is not decoded.
func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64,
	opts *driver.ReaderOptions) (driver.Reader, error) {
	if length == 0 { // no range says this
		return b.emptyReader(ctx, key, opts)
	}
	header := http.Header{"Accept-Encoding": {"gzip"}}
	switch {
	case length > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	res, err := b.call(ctx, http.MethodGet, b.object(key)+"?alt=media", header, nil)
	if err != nil {
		return nil, err
	}
	if err := before(opts.BeforeRead); err != nil {
		return nil, errors.Join(err, res.Body.Close())
	}
	r := &reader{ReadCloser: res.Body}
	r.attributes.ContentType = res.Header.Get("Content-Type")
	r.attributes.ModTime, _ = http.ParseTime(res.Header.Get("Last-Modified"))
	r.attributes.Size = res.ContentLength
	if _, size, ok := strings.Cut(res.Header.Get("Content-Range"), "/"); ok {
		if r.attributes.Size, err = strconv.ParseInt(size, 10, 64); err != nil {
			return nil, errors.Join(errors.New("gs:// answered with a range, and not of how many bytes"),
				res.Body.Close())
		}
	}
	return r, nil
}

func (b *bucket) emptyReader(ctx context.Context, key string, opts *driver.ReaderOptions) (driver.Reader, error) {
	a, err := b.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	attributes := driver.ReaderAttributes{ContentType: a.ContentType, ModTime: a.ModTime, Size: a.Size}
	return &reader{ReadCloser: http.NoBody, attributes: attributes}, before(opts.BeforeRead)
}

// reader implements driver.Reader.
type reader struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attributes }
func (*reader) As(any) bool                            { return false }

// Copy implements driver.Bucket.
func (*bucket) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errors.ErrUnsupported
}

// SignedURL implements driver.Bucket.
func (*bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.ErrUnsupported
}

// As implements driver.Bucket.
func (*bucket) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (*bucket) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (b *bucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}

// before calls a function of options that wants a type of the driver's. There are none.
func before(call func(func(any) bool) error) error {
	if call == nil {
		return nil
	}
	return call(func(any) bool { return false })
}

// json reads an answer.
func (b *bucket) json(ctx context.Context, address string, into any) error {
	res, err := b.call(ctx, http.MethodGet, address, nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("read an answer of gs://: %w", err)
	}
	return nil
}
