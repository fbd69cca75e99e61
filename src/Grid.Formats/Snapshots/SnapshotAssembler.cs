using System.Globalization;
using System.Text;
using Grid.Formats.Mutations;
using Grid.Formats.Rdb;

namespace Grid.Formats.Snapshots;

/// <summary>
/// Makes a snapshot of the elements of an RDB file, and checks that they are one: metadata first, entries in keyspaces, each of
/// which has a number and a name of its own, a version for each, totals that agree, nothing after them.
/// </summary>
internal sealed class SnapshotAssembler(ISnapshotHandler handler) : IRdbHandler
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, string> _metadata = [];
    private readonly Dictionary<int, string> _nameOf = [];
    private readonly Dictionary<string, int> _databaseOf = [];
    private ulong[] _versions = new ulong[1024];
    private int _group;
    private bool _begun;
    private bool _inKeyspace;
    private bool _ended;
    private int _database;

    /// <summary>The number of entries reported.</summary>
    public long Entries { get; private set; }

    /// <summary>The reader that drives this, for positions.</summary>
    public RdbReader? Reader { get; set; }

    /// <summary>Reports the end, once the owner has found everything whole.</summary>
    public void Complete(long rawBytes)
    {
        if (!_ended)
            throw Error(PayloadFault.Corrupt, "the totals are missing");
        handler.OnEnd(new SnapshotTotals(Entries, rawBytes));
    }

    public void OnAux(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (!name.StartsWith(SnapshotFields.Prefix))
            return;
        if (_ended)
            throw Error(PayloadFault.Corrupt, "a field follows the totals");
        if (name.SequenceEqual(SnapshotFields.Versions))
            TakeVersions(value);
        else if (name.SequenceEqual(SnapshotFields.Keyspace))
            TakeKeyspace(Text(value));
        else if (name.SequenceEqual(SnapshotFields.End))
            TakeTotals(Text(value));
        else if (name.StartsWith(SnapshotFields.ExtraPrefix))
            TakeExtra(Text(name[SnapshotFields.ExtraPrefix.Length..]), value);
        else if (!_begun && IsMetadata(name) && !_metadata.TryAdd(Text(name), Text(value)))
            throw Error(PayloadFault.Corrupt, $"the field {Text(name)} comes twice");
    }

    public void OnSelectDb(int database)
    {
        EnsureBegun();
        RequireNoGroup("the next keyspace");
        _database = database;
        _inKeyspace = false;
    }

    public void OnResizeDb(ulong keys, ulong keysWithExpiry) => handler.OnSizeHint(keys, keysWithExpiry);

    public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs)
    {
        if (!_inKeyspace || _ended)
            throw Error(_begun ? PayloadFault.Corrupt : PayloadFault.Incompatible, "an entry outside of any keyspace");
        if (expiryUnixMs <= 0)
            throw Error(PayloadFault.Corrupt, $"an entry that expires at {expiryUnixMs}");
        if (_group == SnapshotFields.GroupEntriesMax)
            throw Error(PayloadFault.Corrupt, "too many entries without versions");
        _group++;
        Entries++;
        handler.OnEntry(key, value, expiryUnixMs ?? 0);
    }

    public void OnSkipped(string typeName, ReadOnlySpan<byte> key) =>
        throw Error(_begun ? PayloadFault.Corrupt : PayloadFault.Incompatible, $"a {typeName}, which no snapshot holds");

    private static bool IsMetadata(ReadOnlySpan<byte> name) =>
        name.SequenceEqual(SnapshotFields.Format) || name.SequenceEqual(SnapshotFields.Shard)
        || name.SequenceEqual(SnapshotFields.Lineage) || name.SequenceEqual(SnapshotFields.Base)
        || name.SequenceEqual(SnapshotFields.History);

    private void TakeVersions(ReadOnlySpan<byte> packed)
    {
        if (_versions.Length < _group)
            Array.Resize(ref _versions, Math.Min(SnapshotFields.GroupEntriesMax, Math.Max(_group, 2 * _versions.Length)));
        Span<ulong> versions = _versions.AsSpan(0, _group);
        if (!VersionPacking.TryUnpack(packed, versions))
            throw Error(PayloadFault.Corrupt, $"the versions do not fit the {_group} entries before them");
        _group = 0;
        handler.OnVersions(versions);
    }

    private void TakeKeyspace(string name)
    {
        EnsureBegun();
        RequireNoGroup("the next keyspace");
        _nameOf.TryAdd(_database, name);
        _databaseOf.TryAdd(name, _database);
        if (_nameOf[_database] != name)
            throw Error(PayloadFault.Corrupt, $"database {_database} is the keyspace {_nameOf[_database]} and the keyspace {name}");
        if (_databaseOf[name] != _database)
            throw Error(PayloadFault.Corrupt, $"the keyspace {name} is database {_databaseOf[name]} and database {_database}");
        _inKeyspace = true;
        handler.OnKeyspace(_database, name);
    }

    private void TakeExtra(string name, ReadOnlySpan<byte> value)
    {
        EnsureBegun();
        handler.OnExtra(name, value);
    }

    private void TakeTotals(string text)
    {
        EnsureBegun();
        RequireNoGroup("the totals");
        if (!SnapshotFields.TryParsePair(text, ':', out long entries, out long bytes))
            throw Error(PayloadFault.Corrupt, "the totals are no numbers");
        if (entries != Entries || bytes != Reader!.BytesConsumed)
            throw Error(PayloadFault.Corrupt, $"the totals say {entries} entries in {bytes} bytes, there were {Entries} in {Reader!.BytesConsumed}");
        _ended = true;
    }

    private void EnsureBegun()
    {
        if (_ended)
            throw Error(PayloadFault.Corrupt, "something follows the totals");
        if (_begun)
            return;
        _begun = true;
        handler.OnMetadata(ParseMetadata());
        _metadata.Clear();
    }

    private SnapshotMetadata ParseMetadata()
    {
        if (!_metadata.TryGetValue("grid-format", out string? format))
            throw Error(PayloadFault.Incompatible, "the file is an RDB file but no snapshot of Grid");
        if (format != SnapshotMetadata.CurrentFormat.ToString(CultureInfo.InvariantCulture))
            throw Error(PayloadFault.Incompatible, $"snapshot format {format} is not known");
        if (!int.TryParse(Field("grid-shard"), NumberStyles.None, CultureInfo.InvariantCulture, out int shard))
            throw Error(PayloadFault.Corrupt, "the shard is no number");
        if (!SnapshotFields.TryParsePair(Field("grid-base"), ':', out long epoch, out long offset))
            throw Error(PayloadFault.Corrupt, "the base position is none");
        if (!SnapshotFields.TryParseHistory(Field("grid-history"), out List<EpochStart> history))
            throw Error(PayloadFault.Corrupt, "the history is none");
        return new SnapshotMetadata
        {
            Shard = shard,
            Lineage = Field("grid-lineage"),
            BasePosition = new LogPosition(epoch, offset),
            History = history,
        };
    }

    private string Field(string name) =>
        _metadata.TryGetValue(name, out string? value) ? value : throw Error(PayloadFault.Corrupt, $"the field {name} is missing");

    private void RequireNoGroup(string what)
    {
        if (_group > 0)
            throw Error(PayloadFault.Corrupt, $"{_group} entries before {what} have no versions");
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > SnapshotFields.TextBytesMax)
            throw Error(PayloadFault.LimitExceeded, $"a field of {bytes.Length} bytes of text");
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Error(PayloadFault.Corrupt, "a field is not UTF-8");
        }
    }

    private SnapshotFormatException Error(PayloadFault fault, string detail) => new(fault, detail, Reader?.BytesConsumed ?? 0);
}
