// Package azblob is the driver of azblob:// buckets: Azure Blob Storage by the clients of Azure's SDK for one blob.
// Those of a container read lists in Apache Arrow, which brings 40 packages with it.
//
// It does what Beckon asks of a bucket: no lists, copies or signed URLs, and no types for As.
package azblob

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// defaultPart is how much of an object is sent at once, where the options of a writer do not say it.
const defaultPart = 8 << 20

// bucket implements driver.Bucket.
type bucket struct {
	client func(key string) (*blockblob.Client, error)
}

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	client, err := b.client(key)
	if err != nil {
		return nil, err
	}
	p, err := client.GetProperties(ctx, nil)
	if err != nil {
		return nil, err
	}
	metadata := map[string]string{}
	for name, value := range p.Metadata {
		metadata[name] = deref(value)
	}
	return &driver.Attributes{
		CacheControl:       deref(p.CacheControl),
		ContentDisposition: deref(p.ContentDisposition),
		ContentEncoding:    deref(p.ContentEncoding),
		ContentLanguage:    deref(p.ContentLanguage),
		ContentType:        deref(p.ContentType),
		Metadata:           metadata,
		CreateTime:         deref(p.CreationTime),
		ModTime:            deref(p.LastModified),
		Size:               deref(p.ContentLength),
		MD5:                p.ContentMD5,
		ETag:               string(deref(p.ETag)),
	}, nil
}

// NewRangeReader implements driver.Bucket.
func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64,
	opts *driver.ReaderOptions) (driver.Reader, error) {
	if length == 0 { // no range says this
		return b.emptyReader(ctx, key, opts)
	}
	client, err := b.client(key)
	if err != nil {
		return nil, err
	}
	asked := blob.HTTPRange{Offset: offset, Count: max(length, 0)} // a Count of 0 is to the end
	answer, err := client.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: asked})
	if err != nil {
		return nil, err
	}
	if err := before(opts.BeforeRead); err != nil {
		return nil, errors.Join(err, answer.Body.Close())
	}
	size := deref(answer.ContentLength)
	if _, whole, ok := strings.Cut(deref(answer.ContentRange), "/"); ok {
		if size, err = strconv.ParseInt(whole, 10, 64); err != nil {
			return nil, errors.Join(errors.New("azblob:// answered with a range, and not of how many bytes"),
				answer.Body.Close())
		}
	}
	return &reader{answer.Body, driver.ReaderAttributes{ContentType: deref(answer.ContentType),
		ModTime: deref(answer.LastModified), Size: size}}, nil
}

func (b *bucket) emptyReader(ctx context.Context, key string, opts *driver.ReaderOptions) (driver.Reader, error) {
	a, err := b.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	attributes := driver.ReaderAttributes{ContentType: a.ContentType, ModTime: a.ModTime, Size: a.Size}
	return &reader{http.NoBody, attributes}, before(opts.BeforeRead)
}

// reader implements driver.Reader.
type reader struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attributes }
func (*reader) As(any) bool                            { return false }

// Delete implements driver.Bucket.
func (b *bucket) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	if err := before(opts.BeforeDelete); err != nil {
		return err
	}
	client, err := b.client(key)
	if err != nil {
		return err
	}
	_, err = client.Delete(ctx, nil)
	return err
}

// NewTypedWriter implements driver.Bucket. Metadata is left out: Azure allows only some names.
func (b *bucket) NewTypedWriter(
	ctx context.Context, key, contentType string, opts *driver.WriterOptions,
) (driver.Writer, error) {
	if len(opts.Metadata) > 0 {
		return nil, errors.ErrUnsupported
	}
	if err := before(opts.BeforeWrite); err != nil {
		return nil, err
	}
	client, err := b.client(key)
	if err != nil {
		return nil, err
	}
	options := &blockblob.UploadStreamOptions{
		BlockSize:   defaultPart,
		Concurrency: max(opts.MaxConcurrency, 1),
		HTTPHeaders: &blob.HTTPHeaders{
			BlobCacheControl:       &opts.CacheControl,
			BlobContentDisposition: &opts.ContentDisposition,
			BlobContentEncoding:    &opts.ContentEncoding,
			BlobContentLanguage:    &opts.ContentLanguage,
			BlobContentMD5:         opts.ContentMD5,
			BlobContentType:        &contentType,
		},
	}
	if opts.BufferSize > 0 {
		options.BlockSize = int64(opts.BufferSize)
	}
	if opts.IfNotExist {
		anyTag := azcore.ETagAny
		options.AccessConditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &anyTag},
		}
	}
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		_, err := client.UploadStream(ctx, r, options)
		r.CloseWithError(err)
		sent <- err
	}()
	return &writer{w, sent}, nil
}

// writer writes into an upload, which makes the object when it has been read to its end. What was sent before is
// forgotten by Azure within a week.
type writer struct {
	*io.PipeWriter
	sent chan error
}

// Close waits until the object is there, or for the reason why it is not.
func (w *writer) Close() error { return errors.Join(w.PipeWriter.Close(), <-w.sent) }

// ListPaged implements driver.Bucket.
func (*bucket) ListPaged(context.Context, *driver.ListOptions) (*driver.ListPage, error) {
	return nil, errors.ErrUnsupported
}

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
func (*bucket) Close() error { return nil }

// ErrorCode implements driver.Bucket.
func (*bucket) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, errors.ErrUnsupported) {
		return gcerrors.Unimplemented
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return gcerrors.Unknown
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable:
		return gcerrors.InvalidArgument
	case http.StatusUnauthorized, http.StatusForbidden:
		return gcerrors.PermissionDenied
	case http.StatusNotFound:
		return gcerrors.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return gcerrors.FailedPrecondition
	case http.StatusTooManyRequests:
		return gcerrors.ResourceExhausted
	}
	return gcerrors.Unknown
}

// before calls a function of options that wants a type of the driver's. There are none.
func before(call func(func(any) bool) error) error {
	if call == nil {
		return nil
	}
	return call(func(any) bool { return false })
}

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
