package headwaterreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"headwater.example/collectors/opentelemetry/internal/libheadwater"
)

// The layout of a receiver's part of the storage: one key for each cursor, the list of the partitions that were begun, and the
// version of the layout.
const (
	keyVersion    = "version"
	keyPartitions = "partitions"
	keyCursor     = "cursor/"

	layoutVersion = "1"
)

// storagePatience is how long one call of the storage may take.
const storagePatience = 30 * time.Second

// cursors keeps the cursors of one source in a storage extension of the collector.
type cursors struct {
	client storage.Client

	mu    sync.Mutex
	begun []string
}

var _ libheadwater.Cursors = (*cursors)(nil)

// openCursors opens the receiver's part of a storage extension.
func openCursors(ctx context.Context, host component.Host, id component.ID, receiver component.ID) (*cursors, error) {
	extension, found := host.GetExtensions()[id]
	if !found {
		return nil, fmt.Errorf("storage: there is no extension %q; add it to `extensions` and to `service::extensions`", id)
	}
	store, fits := extension.(storage.Extension)
	if !fits {
		return nil, fmt.Errorf("storage: the extension %q is not a storage; use one that is, for example file_storage", id)
	}
	client, err := store.GetClient(ctx, component.KindReceiver, receiver, "")
	if err != nil {
		return nil, fmt.Errorf("storage: the extension %q does not open: %w", id, err)
	}
	opened := &cursors{client: client}
	if err := opened.load(ctx); err != nil {
		_ = client.Close(ctx)
		return nil, fmt.Errorf("storage: the extension %q: %w", id, err)
	}
	return opened, nil
}

func (c *cursors) load(ctx context.Context) error {
	version, begun := storage.GetOperation(keyVersion), storage.GetOperation(keyPartitions)
	if err := c.client.Batch(ctx, version, begun); err != nil {
		return err
	}
	switch string(version.Value) {
	case layoutVersion:
	case "":
		if begun.Value != nil {
			return fmt.Errorf("what it holds for this receiver has lost its version; remove it, or give the receiver another name, to begin again")
		}
		return nil
	default:
		return fmt.Errorf("what it holds for this receiver has version %q of another release, this one reads %q; run that release, or remove it to begin again", version.Value, layoutVersion)
	}
	if err := json.Unmarshal(begun.Value, &c.begun); err != nil {
		return fmt.Errorf("what it holds for this receiver is damaged (%w); remove it to begin again", err)
	}
	return nil
}

// Load says where a partition's reading goes on.
func (c *cursors) Load(partition string) (libheadwater.Position, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storagePatience)
	defer cancel()
	cursor, err := c.client.Get(ctx, keyCursor+partition)
	if err != nil {
		return libheadwater.Position{}, fmt.Errorf("the storage extension cannot be read: %w", err)
	}
	if cursor == nil && c.isBegun(partition) {
		return libheadwater.Position{
			Lost: "the storage extension remembers this partition and has no cursor of it; restore the storage, or remove what it holds for this receiver to begin again",
		}, nil
	}
	return libheadwater.Position{Cursor: cursor}, nil
}

// Commit stores a cursor; with a partition's first one, also that it was begun.
func (c *cursors) Commit(partition string, cursor []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), storagePatience)
	defer cancel()
	// One after the other, so that no list is stored over a longer one.
	c.mu.Lock()
	defer c.mu.Unlock()
	operations := []*storage.Operation{storage.SetOperation(keyCursor+partition, cursor)}
	begun := c.begun
	if !slices.Contains(begun, partition) {
		begun = append(slices.Clone(begun), partition)
		list, err := json.Marshal(begun)
		if err != nil {
			return err
		}
		operations = append(operations,
			storage.SetOperation(keyPartitions, list),
			storage.SetOperation(keyVersion, []byte(layoutVersion)))
	}
	if err := c.client.Batch(ctx, operations...); err != nil {
		return fmt.Errorf("the storage extension cannot be written: %w", err)
	}
	c.begun = begun
	return nil
}

// Partitions lists those that were begun.
func (c *cursors) Partitions() ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.begun), nil
}

func (c *cursors) isBegun(partition string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.begun, partition)
}

func (c *cursors) close(ctx context.Context) error {
	return c.client.Close(ctx)
}
