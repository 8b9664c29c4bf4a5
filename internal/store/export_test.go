package store

// TryServing reports whether no gateway works on the file; two stores of one process cannot have it open by two names.
func TryServing(path string) (free bool, err error) {
	f, err := openFile(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.lockServing()
}

// LostCommits is what is looked for in a write-ahead log.
var LostCommits = lostCommits
