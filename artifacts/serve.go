package artifacts

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"gocloud.dev/blob"
)

// Nothing of a file runs where its link leads: it has an origin of its own, and may load nothing. What a browser
// shows it may draw.
const (
	downloadPolicy = "sandbox; default-src 'none'"
	shownPolicy    = downloadPolicy + "; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
)

// Serve answers with the file of an artifact, or a range of it, to whoever has a link that Check passes.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, a *Artifact) error {
	content := &seeker{ctx: r.Context(), bucket: s.bucket, key: a.key, size: a.Bytes}
	defer content.Close()
	if err := content.open(); err != nil { // before a byte is sent, so that the answer can say so
		return unavailable(err)
	}
	header := w.Header()
	disposition, policy := "attachment", downloadPolicy
	if IsShown(a.MediaType) {
		disposition, policy = "inline", shownPolicy
	}
	mediaType := a.MediaType
	if strings.HasPrefix(mediaType, "text/") {
		mediaType += "; charset=utf-8"
	}
	header.Set("Content-Type", mediaType)
	header.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": a.Name}))
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin") // a link is there to be embedded by whoever was given it
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "private, no-cache") // it is asked for again, since it may have been removed
	header.Set("ETag", `"`+a.SHA256+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// seeker reads a file of a bucket from where it is wanted.
type seeker struct {
	ctx      context.Context // of the request
	bucket   *bucket
	key      string
	size     int64
	at       int64
	reader   *blob.Reader // nil before the first is needed
	readerAt int64        // where it reads on
}

// open has a reader that reads on from at.
func (s *seeker) open() (err error) {
	if s.reader != nil && s.readerAt == s.at {
		return nil
	}
	if err := s.Close(); err != nil {
		return err
	}
	s.reader, err = s.bucket.reader(s.ctx, s.key, s.at)
	s.readerAt = s.at
	return err
}

func (s *seeker) Read(p []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if err := s.open(); err != nil {
		return 0, err
	}
	n, err := s.reader.Read(p)
	s.at += int64(n)
	s.readerAt = s.at
	return n, err
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a file")
	}
	s.at = offset
	return offset, nil
}

// Close lets go of the reader.
func (s *seeker) Close() (err error) {
	if s.reader != nil {
		err = s.reader.Close()
		s.reader = nil
	}
	return err
}
