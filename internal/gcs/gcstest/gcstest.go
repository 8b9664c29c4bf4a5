// Package gcstest has a stand-in of Google Cloud Storage for tests: the requests of its JSON API that Beckon makes, as
// Google documents them.
package gcstest

import (
	"bytes"
	"crypto/md5" //nolint:gosec // it is the API's
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// partUnit is what all parts of an upload but the last are multiples of.
const partUnit = 256 << 10

// Server is Google Cloud Storage with one bucket.
type Server struct {
	*httptest.Server
	Bucket string
	// Around serves a request in place of serve, unless it is nil.
	Around func(w http.ResponseWriter, r *http.Request, serve http.Handler)

	mu          sync.Mutex
	objects     map[string]*object
	uploads     map[string]*upload
	generations int64
}

type object struct {
	fields  map[string]any
	content []byte
	updated time.Time
}

type upload struct {
	fields   map[string]any
	once     bool // the object must not exist
	content  []byte
	made     *object
	canceled bool
}

// New starts a server that has the bucket, and no objects.
func New(t testing.TB, bucket string) *Server {
	s := &Server{Bucket: bucket, objects: map[string]*object{}, uploads: map[string]*upload{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /storage/v1/b/{bucket}/o", s.list)
	mux.HandleFunc("GET /storage/v1/b/{bucket}/o/{object}", s.read)
	mux.HandleFunc("DELETE /storage/v1/b/{bucket}/o/{object}", s.remove)
	mux.HandleFunc("POST /upload/storage/v1/b/{bucket}/o", s.begin)
	mux.HandleFunc("PUT /upload/storage/v1/b/{bucket}/o", s.upload)
	mux.HandleFunc("DELETE /upload/storage/v1/b/{bucket}/o", s.cancel)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Around != nil {
			s.Around(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Host is the value of STORAGE_EMULATOR_HOST that has clients use the server.
func (s *Server) Host() string { return strings.TrimPrefix(s.URL, "http://") }

// Content is that of the objects, by their names.
func (s *Server) Content() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for name, o := range s.objects {
		all[name] = string(o.content)
	}
	return all
}

// Open is how many uploads have neither ended nor been canceled.
func (s *Server) Open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.uploads {
		if !u.canceled && u.made == nil {
			n++
		}
	}
	return n
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasBucket(w, r) {
		return
	}
	q := r.URL.Query()
	entries := map[string]*object{} // nil for a prefix
	for name, o := range s.objects {
		rest, ok := strings.CutPrefix(name, q.Get("prefix"))
		if !ok {
			continue
		}
		if i := strings.Index(rest, q.Get("delimiter")); q.Get("delimiter") != "" && i >= 0 {
			name, o = name[:len(name)-len(rest)+i+len(q.Get("delimiter"))], nil
		}
		entries[name] = o
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		if name > q.Get("pageToken") || q.Get("pageToken") == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	answer := map[string]any{"kind": "storage#objects"}
	if most, _ := strconv.Atoi(q.Get("maxResults")); len(names) > most {
		names = names[:most]
		answer["nextPageToken"] = names[most-1]
	}
	var items []map[string]any
	var prefixes []string
	for _, name := range names {
		if o := entries[name]; o != nil {
			items = append(items, o.fields)
		} else {
			prefixes = append(prefixes, name)
		}
	}
	answer["items"], answer["prefixes"] = items, prefixes
	reply(w, http.StatusOK, answer)
}

func (s *Server) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.found(w, r)
	if o == nil {
		return
	}
	if r.URL.Query().Get("alt") != "media" {
		reply(w, http.StatusOK, o.fields)
		return
	}
	kind, _ := o.fields["contentType"].(string)
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", o.updated, bytes.NewReader(o.content))
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.found(w, r)
	if o == nil {
		return
	}
	if g := r.URL.Query().Get("generation"); g != "" && g != o.fields["generation"] {
		refuse(w, http.StatusNotFound, "No such object: "+r.PathValue("object"))
		return
	}
	delete(s.objects, r.PathValue("object"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasBucket(w, r) {
		return
	}
	u := &upload{once: r.URL.Query().Get("ifGenerationMatch") == "0"}
	name := r.URL.Query().Get("name")
	err := json.NewDecoder(r.Body).Decode(&u.fields)
	if err != nil || r.URL.Query().Get("uploadType") != "resumable" || name == "" {
		refuse(w, http.StatusBadRequest, "Invalid upload.")
		return
	}
	u.fields["name"] = name
	if u.once && s.objects[name] != nil {
		refuse(w, http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
		return
	}
	id := fmt.Sprintf("upload-%d", len(s.uploads)+1)
	s.uploads[id] = u
	address := s.URL + "/upload/storage/v1/b/" + s.Bucket + "/o?uploadType=resumable&upload_id=" + id
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusOK)
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sends it has gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[r.URL.Query().Get("upload_id")]
	switch {
	case u == nil:
		refuse(w, http.StatusNotFound, "Not Found")
		return
	case u.canceled:
		w.WriteHeader(499)
		return
	case u.made != nil:
		reply(w, http.StatusOK, u.made.fields)
		return
	}
	place, size, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	if place != "*" {
		first, _, _ := strings.Cut(place, "-")
		at, err := strconv.Atoi(first)
		fits := err == nil && at <= len(u.content) && place == fmt.Sprintf("%d-%d", at, at+len(body)-1)
		if !fits || size == "*" && len(body)%partUnit != 0 {
			refuse(w, http.StatusBadRequest, "Invalid request. There were bytes missing, or too many.")
			return
		}
		u.content = append(u.content[:at], body...)
	}
	if size != strconv.Itoa(len(u.content)) {
		if len(u.content) > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.content)-1))
		}
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	s.end(w, r, u)
}

// end makes an object of an upload.
func (s *Server) end(w http.ResponseWriter, r *http.Request, u *upload) {
	name := u.fields["name"].(string)
	sum := md5.Sum(u.content) //nolint:gosec // it is the API's
	hash := base64.StdEncoding.EncodeToString(sum[:])
	checksum := crc32.Checksum(u.content, crc32.MakeTable(crc32.Castagnoli))
	crc := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, checksum))
	askedCRC := r.Header.Get("X-Goog-Hash")
	switch asked, _ := u.fields["md5Hash"].(string); {
	case asked != "" && asked != hash, askedCRC != "" && askedCRC != "crc32c="+crc:
		u.canceled = true
		refuse(w, http.StatusBadRequest, "Provided hash doesn't match calculated hash.")
		return
	case u.once && s.objects[name] != nil:
		refuse(w, http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
		return
	}
	s.generations++
	o := &object{fields: u.fields, content: u.content, updated: time.Now().UTC()}
	o.fields["kind"], o.fields["generation"] = "storage#object", strconv.FormatInt(s.generations, 10)
	o.fields["size"], o.fields["md5Hash"], o.fields["crc32c"] = strconv.Itoa(len(u.content)), hash, crc
	o.fields["timeCreated"], o.fields["updated"], o.fields["etag"] = o.updated, o.updated, "CAE="
	s.objects[name], u.made = o, o
	reply(w, http.StatusOK, o.fields)
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[r.URL.Query().Get("upload_id")]; u != nil && u.made == nil {
		u.canceled = true
	}
	w.WriteHeader(499)
}

func (s *Server) hasBucket(w http.ResponseWriter, r *http.Request) bool {
	if r.PathValue("bucket") == s.Bucket {
		return true
	}
	refuse(w, http.StatusNotFound, "The specified bucket does not exist.")
	return false
}

func (s *Server) found(w http.ResponseWriter, r *http.Request) *object {
	if !s.hasBucket(w, r) {
		return nil
	}
	o := s.objects[r.PathValue("object")]
	if o == nil {
		refuse(w, http.StatusNotFound, "No such object: "+s.Bucket+"/"+r.PathValue("object"))
	}
	return o
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]any{"error": map[string]any{"code": status, "message": message}})
}

func reply(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}
