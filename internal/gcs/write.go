package gcs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob/driver"
)

const (
	// partUnit is what parts of an upload but the last are multiples of, and defaultPart what Google advises at least.
	partUnit    = 256 << 10
	defaultPart = 8 << 20
	// abandonTime bounds how long it takes to withdraw a file.
	abandonTime = 10 * time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writer writes an object by a resumable upload, with one part of it in memory. The object is there when the upload has
// its end, which only Close sends. https://cloud.google.com/storage/docs/performing-resumable-uploads
type writer struct {
	ctx      context.Context // of the upload
	bucket   *bucket
	key      string
	object   resource // to make
	query    url.Values
	partSize int

	session string // the address of the upload; "" before it has begun
	sent    int64  // bytes that Google has
	part    []byte // bytes that follow
	sum     uint32 // CRC32C of all of them
	ending  bool   // the end may have been sent
	err     error
}

// NewTypedWriter implements driver.Bucket.
func (b *bucket) NewTypedWriter(
	ctx context.Context, key, contentType string, opts *driver.WriterOptions,
) (driver.Writer, error) {
	if err := before(opts.BeforeWrite); err != nil {
		return nil, err
	}
	name := escaped.Replace(key)
	query := url.Values{"uploadType": {"resumable"}, "name": {name}}
	if opts.IfNotExist {
		query.Set("ifGenerationMatch", "0")
	}
	size := cmp.Or(max(opts.BufferSize, 0), defaultPart)
	return &writer{ctx: ctx, bucket: b, key: key, query: query, partSize: (size + partUnit - 1) / partUnit * partUnit,
		object: resource{
			Name:               name,
			ContentType:        contentType,
			CacheControl:       opts.CacheControl,
			ContentDisposition: opts.ContentDisposition,
			ContentEncoding:    opts.ContentEncoding,
			ContentLanguage:    opts.ContentLanguage,
			Metadata:           opts.Metadata,
			MD5:                base64.StdEncoding.EncodeToString(opts.ContentMD5),
		}}, nil
}

// Write implements io.Writer. A full part is sent when more follows, so that the last one is sent as such.
func (w *writer) Write(p []byte) (n int, err error) {
	for n < len(p) && w.err == nil {
		if len(w.part) == w.partSize {
			w.err = w.sendPart(false)
			continue
		}
		more := p[n:min(len(p), n+w.partSize-len(w.part))]
		w.part = append(w.part, more...)
		w.sum = crc32.Update(w.sum, castagnoli, more)
		n += len(more)
	}
	return n, w.err
}

// Close sends the end. If that fails, or something before has, the object is not there.
func (w *writer) Close() error {
	if w.err == nil {
		w.err = w.sendPart(true)
	}
	if w.err != nil {
		return errors.Join(w.err, w.abandon())
	}
	return nil
}

// begin begins the upload.
func (w *writer) begin() error {
	body, err := json.Marshal(w.object)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
	if w.object.ContentType != "" {
		header.Set("X-Upload-Content-Type", w.object.ContentType)
	}
	address := w.bucket.server + "/upload/storage/v1/b/" + url.PathEscape(w.bucket.name) + "/o?" + w.query.Encode()
	res, err := w.bucket.call(w.ctx, http.MethodPost, address, header, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if w.session = res.Header.Get("Location"); w.session == "" {
		return errors.New("gs:// began an upload without saying where to send it")
	}
	return nil
}

// sendPart sends what is in memory. After a failure it asks how much Google has of it.
func (w *writer) sendPart(last bool) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	if w.session == "" {
		if err := w.begin(); err != nil {
			return err
		}
	}
	w.ending = last
	unsure := false
	_, err := retried(w.ctx, w.bucket, func() (struct{}, error) {
		for {
			body, contentRange := w.part, w.contentRange(last)
			if unsure {
				body, contentRange = nil, "bytes */*"
			}
			before := w.sent
			whole, err := w.put(w.ctx, body, contentRange, last)
			switch {
			case err != nil:
				unsure = true
				w.part = slices.Clone(w.part) // the request may still be read from
				return struct{}{}, err
			case whole || !last && len(w.part) == 0:
				return struct{}{}, nil
			case !unsure && w.sent == before:
				return struct{}{}, errors.New("gs:// took nothing of a part")
			}
			unsure = false
		}
	})
	return err
}

// contentRange tells where the part belongs, and where the object ends if it is the last one.
func (w *writer) contentRange(last bool) string {
	end := w.sent + int64(len(w.part))
	switch {
	case !last:
		return fmt.Sprintf("bytes %d-%d/*", w.sent, end-1)
	case len(w.part) == 0:
		return fmt.Sprintf("bytes */%d", end)
	}
	return fmt.Sprintf("bytes %d-%d/%d", w.sent, end-1, end)
}

// put sends bytes, and drops from memory what Google says to have. whole tells that the object is there.
func (w *writer) put(ctx context.Context, body []byte, contentRange string, last bool) (whole bool, err error) {
	header := http.Header{"Content-Range": {contentRange}}
	if last { // Google makes no object with another checksum
		header.Set("X-Goog-Hash",
			"crc32c="+base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, w.sum)))
	}
	res, err := w.bucket.send(ctx, http.MethodPut, w.session, header, body)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPermanentRedirect {
		if err := json.NewDecoder(res.Body).Decode(&w.object); err != nil {
			return false, fmt.Errorf("read an answer of gs://: %w", err)
		}
		return true, nil
	}
	has := int64(0)
	if _, end, ok := strings.Cut(res.Header.Get("Range"), "-"); ok { // there is none when Google has nothing
		if has, err = strconv.ParseInt(end, 10, 64); err != nil {
			return false, fmt.Errorf("gs:// says to have %q of an upload", res.Header.Get("Range"))
		}
		has++
	}
	if has < w.sent || has > w.sent+int64(len(w.part)) {
		return false, fmt.Errorf("gs:// says to have %d bytes of an upload, after %d", has, w.sent)
	}
	if rest := w.part[has-w.sent:]; len(rest) == 0 {
		w.part = w.part[:0]
	} else {
		w.part = slices.Clone(rest) // an answer that came early leaves its request to be read
	}
	w.sent = has
	return false, nil
}

// abandon withdraws what was sent. An upload without its end never becomes an object, and Google forgets it within a
// week. But the end may have arrived although its answer did not: then the object is deleted.
func (w *writer) abandon() error {
	if w.session == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abandonTime)
	defer cancel()
	if res, err := w.bucket.send(ctx, http.MethodDelete, w.session, nil, nil); err == nil {
		res.Body.Close() // it answers 499, which is an error
	}
	if !w.ending {
		return nil
	}
	whole, err := w.put(ctx, nil, "bytes */*", false)
	_, refused := errors.AsType[*refusal](err)
	switch {
	case whole:
		address := w.bucket.object(w.key) + "?generation=" + url.QueryEscape(w.object.Generation)
		res, err := w.bucket.call(ctx, http.MethodDelete, address, nil, nil)
		if err != nil {
			return fmt.Errorf("delete what was written: %w", err)
		}
		return res.Body.Close()
	case refused && !retryable(err), err == nil:
		return nil // there is no such upload any more, or one without its end
	}
	return fmt.Errorf("look whether anything was written: %w", err)
}
