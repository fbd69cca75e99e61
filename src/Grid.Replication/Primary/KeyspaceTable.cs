using System.IO.Hashing;
using System.Text;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <summary>
/// A keyspace at the primary: its data, and what is absent for reasons that are not committed yet.
/// </summary>
internal sealed class PrimaryKeyspace(Keyspace data, byte[] name)
{
    public Keyspace Data { get; } = data;

    public byte[] Name { get; } = name;

    /// <summary>Newest clear.</summary>
    public long ClearedAt { get; set; }

    /// <summary>Keys (by hash) whose newest mutation is an uncommitted delete. A foreign key of equal hash only waits a little longer.</summary>
    public Dictionary<ulong, long> Tombstones { get; } = [];

    /// <summary>The newest uncommitted offset that the absence of a key may depend on.</summary>
    public long AbsenceDependsOn(ulong hash) => Math.Max(ClearedAt, Tombstones.Count == 0 ? 0 : Tombstones.GetValueOrDefault(hash));
}

/// <summary>The shard's keyspaces by the name that operations carry. Bounded by the number of keyspaces of a shard.</summary>
internal sealed class KeyspaceTable
{
    private readonly Dictionary<ulong, PrimaryKeyspace> _byHash = [];
    private PrimaryKeyspace? _last;

    public int Count => _byHash.Count;

    public int NextId { get; private set; }

    public IEnumerable<PrimaryKeyspace> All => _byHash.Values;

    public PrimaryKeyspace? Find(ReadOnlySpan<byte> name)
    {
        if (_last is not null && name.SequenceEqual(_last.Name))
            return _last;
        if (!_byHash.TryGetValue(XxHash3.HashToUInt64(name), out PrimaryKeyspace? found) || !name.SequenceEqual(found.Name))
            return null;
        return _last = found;
    }

    public PrimaryKeyspace Add(Keyspace data)
    {
        PrimaryKeyspace keyspace = new(data, Encoding.UTF8.GetBytes(data.Name));
        if (!_byHash.TryAdd(XxHash3.HashToUInt64(keyspace.Name), keyspace))
            throw new InvalidOperationException($"The names of two keyspaces have one hash: {data.Name}.");
        NextId = Math.Max(NextId, data.Id + 1);
        return keyspace;
    }
}
