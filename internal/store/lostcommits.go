package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"os"

	"github.com/gofrs/flock"
)

// The layout of the write-ahead log and of its index: https://www.sqlite.org/walformat.html
const (
	logHeader   = 32
	frameHeader = 24
	logMagic    = 0x377f0682 // and one more where checksums are big-endian
	indexHeader = 48         // twice, and then what was copied into the database
)

// frames are some of a write-ahead log, counted from 1.
type frames struct{ first, last, commits int }

// warnOfLostCommits logs when the write-ahead log of a database lacks what was committed to it once: SQLite leaves
// out, and says nothing of it, whatever comes after the first frame that it cannot read. It must come before SQLite
// opens the database, which takes away the traces.
func warnOfLostCommits(path string, logger *slog.Logger) {
	if isServed(path) {
		return // the log changes while it is read, and SQLite has looked at it already
	}
	if lost, found := lostCommits(path); found {
		logger.Warn("the write-ahead log of the database is damaged or missing, and its last commits are lost: "+
			"to examine the files or to restore a backup, stop Beckon now, "+
			"because the next writes overwrite what is left",
			"file", path+"-wal", "first_lost_frame", lost.first, "last_lost_frame", lost.last,
			"lost_commits_seen", lost.commits)
	}
}

// isServed reports whether a gateway works on the database.
func isServed(path string) bool {
	if _, err := os.Stat(path + ".serving"); err != nil {
		return false
	}
	lock := flock.New(path + ".serving")
	free, err := lock.TryLock()
	_ = lock.Close()
	return err == nil && !free
}

// lostCommits compares the commits that can be read with those that there were. There are two witnesses. The index,
// which is there unless the machine went down, counts the frames of all commits that were synced. And a frame that
// continues a commit was written after that commit had been synced. A commit that has neither may be one that
// nobody was told of.
func lostCommits(path string) (lost frames, found bool) {
	index := readIndex(path + "-shm") // first: the frames that it counts stay as they are while the log is the same one
	f, err := os.Open(path + "-wal")
	if err != nil && !os.IsNotExist(err) {
		return lost, false
	}
	defer f.Close()
	header := make([]byte, logHeader)
	order, good := binary.ByteOrder(nil), false
	if err == nil {
		_, err = f.ReadAt(header, 0)
		order, good = checksumOrder(header)
	}
	if err != nil || !good {
		return frames{1, index.frames, 0}, index.frames > index.copied
	}
	readable, lost, continued := readLog(f, order, header)
	again := make([]byte, logHeader)
	if _, err := f.ReadAt(again, 0); err != nil || !bytes.Equal(again, header) {
		return lost, false // a gateway that is running has begun the log anew meanwhile
	}
	lost.last = max(lost.last, index.frames)
	counted := bytes.Equal(index.salt, header[16:24]) && index.frames > readable
	return lost, continued || counted && (readable > 0 || index.frames > index.copied)
}

// readLog returns the last frame of the last commit that can be read, and what there is of the same log behind it;
// continued says that a commit of these was followed by another one.
func readLog(f io.ReaderAt, order binary.ByteOrder, header []byte) (readable int, lost frames, continued bool) {
	salt, sum := header[16:24], header[24:32]
	frame := make([]byte, frameHeader+binary.BigEndian.Uint32(header[8:]))
	log := bufio.NewReaderSize(io.NewSectionReader(f, logHeader, math.MaxInt64-logHeader), 1<<20)
	broken, afterCommit := false, false
	for n := 1; ; n++ {
		if _, err := io.ReadFull(log, frame); err != nil {
			lost.first = readable + 1
			return readable, lost, continued
		}
		ours := bytes.Equal(frame[8:16], salt)
		linked := ours && bytes.Equal(checksum(order, checksum(order, sum, frame[:8]), frame[frameHeader:]),
			frame[16:24])
		isCommit := ours && binary.BigEndian.Uint32(frame[4:]) != 0
		broken = broken || !linked
		switch {
		case broken && ours:
			lost.last = n
			continued = continued || linked && afterCommit
			if isCommit {
				lost.commits++
			}
		case !broken && isCommit:
			readable = n
		}
		afterCommit = broken && isCommit
		sum = bytes.Clone(frame[16:24])
	}
}

// logIndex is what the index says of the log.
type logIndex struct {
	frames int // up to the last commit
	copied int // of these, what is in the database as well
	salt   []byte
}

func readIndex(path string) (index logIndex) {
	f, err := os.Open(path)
	if err != nil {
		return index
	}
	defer f.Close()
	b := make([]byte, 2*indexHeader+4)
	if _, err := io.ReadFull(f, b); err != nil || !bytes.Equal(b[:indexHeader], b[indexHeader:2*indexHeader]) {
		return index
	}
	if isInitialized := b[12] == 1; !isInitialized {
		return index
	}
	order := binary.NativeEndian
	return logIndex{int(order.Uint32(b[16:])), int(order.Uint32(b[2*indexHeader:])), b[32:40]}
}

// checksumOrder is the byte order of the log's checksums; good says that its header is one, and whole.
func checksumOrder(header []byte) (order binary.ByteOrder, good bool) {
	order = binary.LittleEndian
	magic, pageSize := binary.BigEndian.Uint32(header), binary.BigEndian.Uint32(header[8:])
	if magic == logMagic+1 {
		order = binary.BigEndian
	}
	good = magic&^1 == logMagic && pageSize >= 512 && pageSize <= 65536
	return order, good && bytes.Equal(checksum(order, make([]byte, 8), header[:24]), header[24:])
}

// checksum continues a checksum with some more bytes, a multiple of eight.
func checksum(order binary.ByteOrder, sum, b []byte) []byte {
	s0, s1 := binary.BigEndian.Uint32(sum), binary.BigEndian.Uint32(sum[4:])
	for ; len(b) >= 8; b = b[8:] {
		s0 += order.Uint32(b) + s1
		s1 += order.Uint32(b[4:]) + s0
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, s0), s1)
}
