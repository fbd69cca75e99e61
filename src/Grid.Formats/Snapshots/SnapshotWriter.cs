using System.Buffers;
using System.Globalization;
using System.Text;
using Grid.Formats.Rdb;

namespace Grid.Formats.Snapshots;

/// <summary>
/// Writes a shard's snapshot as the elements of an RDB file. First of two stages: it only lays bytes down, fit for a
/// grain's turn; checksum, compression and cutting into chunks are <see cref="SnapshotPayloadEncoder"/>'s, off the turn.
/// </summary>
/// <remarks>
/// Order of calls: <see cref="Begin"/>, then for each run of entries <see cref="BeginKeyspace"/> and
/// <see cref="WriteEntry"/>, extra fields in between at will, then <see cref="End"/>. The bytes may go to a buffer per slice,
/// see <see cref="Redirect"/>. Allocates nothing per entry. Not thread-safe.
/// </remarks>
public sealed class SnapshotWriter
{
    private const int GroupEntries = 1024;

    private readonly RdbWriter _rdb;
    private readonly ulong[] _versions = new ulong[GroupEntries];
    private readonly byte[] _packed = new byte[GroupEntries * VersionPacking.BytesMax];
    private int _group;
    private long _entries;
    private State _state;

    /// <summary>A writer onto <paramref name="sink"/>.</summary>
    public SnapshotWriter(IBufferWriter<byte> sink) => _rdb = new RdbWriter(sink);

    private enum State
    {
        New,
        Begun,
        InKeyspace,
        Ended,
    }

    /// <summary>The number of bytes written.</summary>
    public long RawBytes => _rdb.BytesWritten;

    /// <summary>The number of entries written.</summary>
    public long Entries => _entries;

    /// <summary>Sends what is written from now on elsewhere.</summary>
    public void Redirect(IBufferWriter<byte> sink) => _rdb.Redirect(sink);

    /// <summary>Writes header and metadata.</summary>
    public void Begin(SnapshotMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        Require(_state == State.New, "begins once");
        _state = State.Begun;
        _rdb.WriteHeader();
        WriteText(SnapshotFields.Format, SnapshotMetadata.CurrentFormat.ToString(CultureInfo.InvariantCulture));
        WriteText(SnapshotFields.Shard, metadata.Shard.ToString(CultureInfo.InvariantCulture));
        WriteText(SnapshotFields.Lineage, metadata.Lineage);
        WriteText(SnapshotFields.Base, SnapshotFields.Text(metadata.BasePosition));
        WriteText(SnapshotFields.History, SnapshotFields.Text(metadata.History));
    }

    /// <summary>Says to which keyspace the following entries belong. A keyspace may come again later.</summary>
    /// <param name="database">The number under which a Redis server will know the keyspace, 0 or more.</param>
    /// <param name="name">The keyspace's name.</param>
    /// <param name="entriesHint">About how many entries follow; 0: not known.</param>
    /// <param name="expiringHint">About how many of them expire.</param>
    public void BeginKeyspace(int database, string name, long entriesHint = 0, long expiringHint = 0)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfNegative(entriesHint);
        ArgumentOutOfRangeException.ThrowIfNegative(expiringHint);
        Require(_state is State.Begun or State.InKeyspace, "has keyspaces between its beginning and its end");
        EndGroup();
        _state = State.InKeyspace;
        _rdb.WriteSelectDb(database);
        WriteText(SnapshotFields.Keyspace, name);
        if (entriesHint > 0)
            _rdb.WriteResizeDb((ulong)entriesHint, (ulong)expiringHint);
    }

    /// <summary>Writes an entry of the keyspace begun.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expiryUnixMs">Milliseconds since 1970; 0: never.</param>
    /// <param name="version">The entry's version.</param>
    public void WriteEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(expiryUnixMs);
        Require(_state == State.InKeyspace, "has entries in keyspaces only");
        _rdb.WriteEntry(key, value, expiryUnixMs);
        _versions[_group++] = version;
        _entries++;
        if (_group == GroupEntries)
            EndGroup();
    }

    /// <summary>Writes a field of the caller's own, anywhere between beginning and end.</summary>
    /// <param name="name">Its name, not empty.</param>
    /// <param name="value">Its bytes, at most as many as a value may have.</param>
    public void WriteExtra(string name, ReadOnlySpan<byte> value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Require(_state is State.Begun or State.InKeyspace, "has extra fields between its beginning and its end");
        EndGroup();
        byte[] field = [.. SnapshotFields.ExtraPrefix, .. Encoding.UTF8.GetBytes(name)];
        _rdb.WriteAux(field, value);
    }

    /// <summary>Writes totals and end mark. The checksum after it is <see cref="SnapshotPayloadEncoder"/>'s.</summary>
    public SnapshotTotals End()
    {
        Require(_state is State.Begun or State.InKeyspace, "ends once");
        EndGroup();
        _state = State.Ended;
        WriteText(SnapshotFields.End, SnapshotFields.Text(_entries, RawBytes));
        _rdb.WriteEnd();
        return new SnapshotTotals(_entries, RawBytes + RdbFormat.ChecksumBytes);
    }

    private static void Require(bool condition, string rule)
    {
        if (!condition)
            throw new InvalidOperationException($"A snapshot {rule}.");
    }

    private void EndGroup()
    {
        if (_group == 0)
            return;
        int length = VersionPacking.Pack(_versions.AsSpan(0, _group), _packed);
        _group = 0;
        _rdb.WriteAux(SnapshotFields.Versions, _packed.AsSpan(0, length));
    }

    private void WriteText(ReadOnlySpan<byte> name, string value) => _rdb.WriteAux(name, Encoding.UTF8.GetBytes(value));
}
