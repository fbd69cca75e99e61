using System.Globalization;
using System.Text;
using Grid.Formats.Mutations;

namespace Grid.Tests.Simulation;

/// <summary>One mutation as it truly is, for ever.</summary>
internal sealed record TrueMutation(LogPosition At, byte[] Bytes, MutationKind Kind, int Keyspace, string Key, string Value, long ExpiryUnixMs, MutationOrigin Origin, long Result, ulong Client)
{
    public ulong Version => EntryVersion.Pack(At.Epoch, At.Offset);

    public static TrueMutation Of(long epoch, long offset, ReadOnlySpan<byte> bytes)
    {
        Mutation mutation = Mutation.Read(bytes);
        return new TrueMutation(
            new LogPosition(epoch, offset),
            bytes[..mutation.Length].ToArray(),
            mutation.Kind,
            mutation.Keyspace,
            Encoding.UTF8.GetString(mutation.Key),
            Encoding.UTF8.GetString(mutation.Value),
            mutation.ExpiryUnixMs,
            mutation.Origin,
            mutation.Result,
            mutation.Client);
    }
}

/// <summary>What a copy must hold after a run of mutations: plain dictionaries.</summary>
internal sealed class PathModel
{
    private readonly Dictionary<int, string> _names = [];
    private readonly Dictionary<(int, string), (string Value, ulong Version, long Expiry)> _entries = [];
    private readonly Dictionary<(string, string), long> _touchedAt = [];
    private readonly Dictionary<string, long> _clearedAt = [];
    private readonly HashSet<(ulong Client, long Number)> _values = [];
    private readonly Dictionary<(ulong Client, int, string), long> _lastOf = [];

    /// <summary>What is remembered of clients' operations.</summary>
    public SessionModel Sessions { get; } = new();

    /// <summary>What each key was when, for the model of a reign.</summary>
    public Timeline? Times { get; init; }

    public IReadOnlyDictionary<(int Keyspace, string Key), (string Value, ulong Version, long Expiry)> Entries => _entries;

    public IReadOnlyDictionary<int, string> Names => _names;

    /// <summary>Applies a mutation; the answer is what is wrong with it, or null.</summary>
    public string? Apply(TrueMutation mutation, Func<ulong, bool>? isOrdered)
    {
        (int, string) entry = (mutation.Keyspace, mutation.Key);
        switch (mutation.Kind)
        {
            case MutationKind.Barrier:
                return null;
            case MutationKind.CreateKeyspace:
                return _names.TryAdd(mutation.Keyspace, mutation.Key) ? null : $"keyspace {mutation.Keyspace} is created twice";
            case MutationKind.OpenSession or MutationKind.EvictSession:
                return Sessions.Apply(mutation);
        }

        if (!mutation.Origin.IsNone && Sessions.Record(mutation) is { } wrong)
            return wrong;

        if (!_names.TryGetValue(mutation.Keyspace, out string? keyspace))
            return $"{mutation.Kind} for keyspace {mutation.Keyspace}, which was never created";
        Times?.Note(keyspace, mutation);
        switch (mutation.Kind)
        {
            case MutationKind.Clear:
                foreach ((int, string) gone in _entries.Keys.Where(key => key.Item1 == mutation.Keyspace).ToArray())
                    _entries.Remove(gone);
                _clearedAt[keyspace] = mutation.At.Offset;
                return null;
            case MutationKind.Set:
                _entries[entry] = (mutation.Value, mutation.Version, mutation.ExpiryUnixMs);
                break;
            case MutationKind.Delete:
                _entries.Remove(entry);
                break;
            case MutationKind.Expire when _entries.TryGetValue(entry, out (string Value, ulong, long) old):
                _entries[entry] = (old.Value, mutation.Version, mutation.ExpiryUnixMs);
                break;
        }

        _touchedAt[(keyspace, mutation.Key)] = mutation.At.Offset;
        return mutation.Kind == MutationKind.Set && isOrdered is not null ? CheckOrder(mutation, isOrdered) : null;
    }

    /// <summary>The newest mutation that what is known of a key depends on.</summary>
    public long NewestOf(string keyspace, string key) =>
        Math.Max(_touchedAt.GetValueOrDefault((keyspace, key)), _clearedAt.GetValueOrDefault(keyspace));

    /// <summary>The newest mutation that what is known of a whole keyspace depends on: of one that was never made, none.</summary>
    public long NewestIn(string keyspace, long end) => _names.ContainsValue(keyspace) ? end : 0;

    /// <summary>Values of clients are "client:number:padding": each is written once, and in its client's order on each key.</summary>
    private string? CheckOrder(TrueMutation mutation, Func<ulong, bool> isOrdered)
    {
        if (!TryReadWriter(mutation.Value, out (ulong Client, long Number) write))
            return null;
        if (!_values.Add(write))
            return $"the write {write} takes effect twice, now at {mutation.At}";
        if (!isOrdered(write.Client))
            return null;
        (ulong, int, string) line = (write.Client, mutation.Keyspace, mutation.Key);
        if (_lastOf.GetValueOrDefault(line) > write.Number)
            return $"write {write.Number} of client {write.Client} to {mutation.Key} takes effect behind its later write {_lastOf[line]}";
        _lastOf[line] = write.Number;
        return null;
    }

    private static bool TryReadWriter(ReadOnlySpan<char> value, out (ulong Client, long Number) write)
    {
        write = default;
        int first = value.IndexOf(':');
        if (first < 0)
            return false;
        int second = value[(first + 1)..].IndexOf(':');
        return second >= 0
            && ulong.TryParse(value[..first], CultureInfo.InvariantCulture, out write.Client)
            && long.TryParse(value.Slice(first + 1, second), CultureInfo.InvariantCulture, out write.Number);
    }
}
