using System.Collections.Concurrent;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Takeover;
using Grid.Storage;

namespace Grid.Silo.Copies;

/// <summary>
/// The copies of one silo: at most one per shard. Data, history and names live here, not in a grain, so that they
/// outlive activations and are adopted in place.
/// </summary>
/// <remarks>Thread-safe. A copy itself is used under its gate, by whoever holds its newest owner token.</remarks>
internal sealed class CopyHost(ILocalSiloDetails silo, PagePool pages) : IDisposable
{
    private readonly ConcurrentDictionary<int, HostedCopy> _copies = new();
    private long _lastAttach = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() << 16;

    /// <summary>How this silo's copies are named.</summary>
    public string Silo { get; } = silo.SiloAddress.ToParsableString();

    /// <summary>All copies.</summary>
    public IEnumerable<HostedCopy> All => _copies.Values;

    /// <summary>The silo's copy of a shard, if it has one.</summary>
    public HostedCopy? Find(int shard) => _copies.GetValueOrDefault(shard);

    /// <summary>The silo's copy of a shard; an empty one is made if there is none.</summary>
    public HostedCopy GetOrCreate(int shard) =>
        _copies.GetOrAdd(shard, static (shard, host) => new HostedCopy(host.MakeCopy(shard, Guid.NewGuid())), this);

    /// <summary>A copy that is not the silo's copy of the shard yet.</summary>
    public ShardCopy MakeCopy(int shard, Guid copyId) => new(shard, new CopyName(Silo, copyId), pages);

    /// <summary>A number above every attach number that this silo has used.</summary>
    public long NextAttachBase() => Interlocked.Add(ref _lastAttach, 1 << 16);

    /// <summary>Frees the silo's copy of a shard, provided that it still is this one.</summary>
    public bool Drop(HostedCopy copy)
    {
        if (!_copies.TryRemove(KeyValuePair.Create(copy.Shard, copy)))
            return false;
        copy.Free();
        return true;
    }

    public void Dispose()
    {
        foreach (HostedCopy copy in _copies.Values)
            copy.Free();
        _copies.Clear();
    }
}

/// <summary>The place of one shard's copy on a silo, and who works on it.</summary>
internal sealed class HostedCopy(ShardCopy copy)
{
    private ShardCopy _copy = copy;
    private readonly Stack<ShardCopy> _installed = new();
    private bool _freed;
    private bool _pinned;

    public int Shard { get; } = copy.Shard;

    /// <summary>The copy; a load puts another one in its place.</summary>
    public ShardCopy Copy => Volatile.Read(ref _copy);

    /// <summary>The primary that reigns on the copy, if one does.</summary>
    public ShardPrimary? Primary { get; set; }

    /// <summary>The last reign on the copy that was handed over, and to whom.</summary>
    public SurrenderedReign? Surrendered { get; set; }

    /// <summary>True when an operator wants the primary here for as long as it reigns. From any thread.</summary>
    public bool IsPinned
    {
        get => Volatile.Read(ref _pinned);
        set => Volatile.Write(ref _pinned, value);
    }

    /// <summary>The replica that works on the copy, if one does.</summary>
    public ShardReplica? Replica { get; set; }

    /// <summary>True once the place is given up: no owner may use it any more. From any thread; set before the copy is freed.</summary>
    public bool IsFreed => Volatile.Read(ref _freed);

    /// <summary>Runs <paramref name="use"/> under the gate of whatever copy is in place, and of those that it puts in its place.</summary>
    public T Use<T>(Func<ShardCopy, T> use)
    {
        while (true)
        {
            ShardCopy copy = Copy;
            lock (copy.Gate)
            {
                if (!ReferenceEquals(copy, _copy))
                    continue;
                int before = _installed.Count;
                try
                {
                    return use(copy);
                }
                finally
                {
                    LeaveInstalled(before);
                }
            }
        }
    }

    /// <summary>
    /// Puts a loaded copy in place; only within <see cref="Use"/>, to whose end the loaded copy's gate is held as well: the step that
    /// installs it goes on with it, and others find it through this place at once.
    /// </summary>
    /// <exception cref="InvalidOperationException">The thread does not use the copy in place.</exception>
    public void Install(ShardCopy loaded)
    {
        ShardCopy old = _copy;
        if (!old.Gate.IsHeldByCurrentThread)
            throw new InvalidOperationException($"A copy of shard {Shard} is put in place only by who uses the one before.");
        loaded.Gate.Enter();
        _installed.Push(loaded);
        Volatile.Write(ref _copy, loaded);
        old.Dispose();
    }

    /// <summary>Gives the place up, and frees the copy in it.</summary>
    public void Free() => Use(_ =>
    {
        Volatile.Write(ref _freed, true);
        Replica?.Dispose();
        Replica = null;
        Copy.TakeOwnership();
        Copy.Dispose();
        return true;
    });

    /// <summary>To be called while the first gate is still held: until then nobody else puts anything on the stack.</summary>
    private void LeaveInstalled(int before)
    {
        while (_installed.Count > before)
            _installed.Pop().Gate.Exit();
    }
}
