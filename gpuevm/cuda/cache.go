package cuda

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// CacheOptions say where a device keeps what compilers made of texts. The zero value of a field
// means its default.
type CacheOptions struct {
	// Dir is a folder of its own. Default: gpuevm in the user's cache directory
	// (os.UserCacheDir), or where the user has none, in the directory for temporary files.
	Dir string
	// Bytes is how much is kept; what has not been used for longest goes first. Default: 1 GiB.
	Bytes int64
	// Log is told of entries that can't be trusted, and of a folder that can't be used.
	// Default: slog.Default().
	Log *slog.Logger
}

// cache keeps what compilers made, as files under the hash of all that went into it (kernels.Hash
// of the text with what it includes, the compiler's version and options, the architecture). Behind
// an entry's bytes are its key and a checksum; what is damaged, cut short or another's entry is
// discarded and made again. Entries appear by rename, so that processes may share the folder.
// Where it can't be used the cache is one of this process alone, in a folder that close removes.
type cache struct {
	dir   string
	limit int64
	log   *slog.Logger

	mu      sync.Mutex
	warned  bool
	private string            // the folder of this process, once it is needed
	own     map[string]string // key: path there
}

// entry names what is kept.
type entry struct {
	name   string // for people
	key    string // of kernels.Hash
	suffix string
}

const (
	defaultCacheBytes = 1 << 30
	trailerMagic      = "gpuevm 1"
	trailerSize       = len(trailerMagic) + 2*sha256.Size
)

func newCache(o CacheOptions) *cache {
	c := &cache{dir: o.Dir, limit: o.Bytes, log: o.Log, own: make(map[string]string)}
	if c.dir == "" {
		c.dir = defaultCacheDir()
	}
	if c.limit == 0 {
		c.limit = defaultCacheBytes
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	return c
}

func defaultCacheDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	return filepath.Join(base, "gpuevm")
}

// get returns an entry, or has it made and keeps it: its bytes, and the file that begins with
// them. What fails is making it, or writing a file anywhere.
func (c *cache) get(e entry, build func() ([]byte, error)) (path string, data []byte, cached bool, err error) {
	if path, data, ok := c.find(e); ok {
		return path, data, true, nil
	}
	defer c.lock(e)() // others wait instead of compiling the same
	if path, data, ok := c.find(e); ok {
		return path, data, true, nil
	}
	if data, err = build(); err != nil {
		return "", nil, false, err
	}
	path, err = c.put(e, data)
	return path, data, false, err
}

func (c *cache) path(e entry) string {
	return filepath.Join(c.dir, e.name+"-"+e.key[:24]+e.suffix)
}

// find looks for an entry, and discards a file in its place that is not it.
func (c *cache) find(e entry) (path string, data []byte, ok bool) {
	c.mu.Lock()
	path = c.own[e.key]
	c.mu.Unlock()
	if path == "" {
		path = c.path(e)
		if c.untrusted() != nil {
			return "", nil, false // as is what lies there
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return "", nil, false
	}
	if data, err = unseal(file, e.key); err != nil {
		c.log.Warn("compiled code on disk is discarded, and made again", "file", path, "why", err)
		_ = os.Remove(path)
		return "", nil, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // prune goes by when it was last used
	return path, data, true
}

// seal puts key and checksum behind an entry's bytes.
func seal(data []byte, key string) ([]byte, error) {
	raw, err := hex.DecodeString(key)
	if err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("cache: %q is no key", key)
	}
	file := append(append(bytes.Clone(data), trailerMagic...), raw...)
	sum := sha256.Sum256(file)
	return append(file, sum[:]...), nil
}

// unseal is the reverse, and says what is wrong with a file.
func unseal(file []byte, key string) ([]byte, error) {
	n := len(file) - trailerSize
	if n < 0 {
		return nil, errors.New("cut short")
	}
	body := file[:len(file)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], file[len(body):]) {
		return nil, errors.New("damaged, or cut short")
	}
	if string(body[n:n+len(trailerMagic)]) != trailerMagic || hex.EncodeToString(body[n+len(trailerMagic):]) != key {
		return nil, errors.New("an entry of another key")
	}
	return file[:n:n], nil
}

// put writes an entry: into the cache, or where that can't be into this process's own folder.
func (c *cache) put(e entry, data []byte) (string, error) {
	file, err := seal(data, e.key)
	if err != nil {
		return "", err
	}
	path := c.path(e)
	if err = c.usable(); err == nil {
		err = writeFile(path, file)
	}
	if err == nil {
		c.prune(path)
		return path, nil
	}
	c.warn(err)
	return c.putOwn(e, file)
}

func (c *cache) warn(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.warned {
		c.log.Warn("compiled code is not kept on disk", "folder", c.dir, "why", err)
	}
	c.warned = true
}

func (c *cache) putOwn(e entry, file []byte) (path string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.private == "" {
		if c.private, err = os.MkdirTemp("", "gpuevm-"); err != nil {
			return "", err
		}
	}
	path = filepath.Join(c.private, filepath.Base(c.path(e)))
	if err := writeFile(path, file); err != nil {
		return "", err
	}
	c.own[e.key] = path
	return path, nil
}

// writeFile makes a file appear whole or not at all.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), temporary+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// usable makes the folder.
func (c *cache) usable() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	return c.untrusted()
}

// untrusted says why code in the folder must not be run: somebody else may have put it there.
func (c *cache) untrusted() error {
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	owner, us := info.Sys().(*syscall.Stat_t).Uid, uint32(os.Geteuid())
	if owner != us && owner != 0 && us != 0 {
		return fmt.Errorf("it belongs to user %d", owner)
	}
	if info.Mode()&0o002 != 0 {
		return errors.New("everybody may write to it")
	}
	return nil
}

// lock waits for others that make the same entry, or one of the few that share its lock. Without
// a folder there are none.
func (c *cache) lock(e entry) (unlock func()) {
	if c.usable() != nil {
		return func() {}
	}
	f, err := os.OpenFile(filepath.Join(c.dir, locks+e.key[:2]), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // if it fails, two compile the same
	return func() { f.Close() }
}

// close removes the folder of this process.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.private != "" {
		_ = os.RemoveAll(c.private)
	}
	c.private = ""
	clear(c.own)
}
