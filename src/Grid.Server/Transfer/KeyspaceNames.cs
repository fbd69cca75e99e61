using System.Globalization;
using Grid.Server.Entries;

namespace Grid.Server.Transfer;

/// <summary>
/// Which database number of an RDB file stands for which keyspace: 0 for <c>default</c>, N for <c>dbN</c>, unless the
/// user or the file says otherwise.
/// </summary>
internal static class KeyspaceNames
{
    /// <summary>The AUX field in which files of ours name the keyspace of the entries that follow.</summary>
    public static ReadOnlySpan<byte> Field => "grid-keyspace"u8;

    /// <summary>The keyspace of a database that nobody named.</summary>
    public static string Of(int database) => database == 0 ? EntryOptions.DefaultKeyspace : string.Create(CultureInfo.InvariantCulture, $"db{database}");

    /// <summary>Reads <c>NUMBER=KEYSPACE</c>, as <c>--map</c> has it.</summary>
    public static bool TryParse(string text, out int database, out string keyspace)
    {
        int equals = text.IndexOf('=');
        keyspace = text[(equals + 1)..];
        return int.TryParse(text.AsSpan(0, Math.Max(equals, 0)), NumberStyles.None, CultureInfo.InvariantCulture, out database) && keyspace.Length > 0;
    }
}

/// <summary>Gives keyspaces database numbers for an export: its own to <c>default</c> and <c>dbN</c>, the lowest free one to others.</summary>
internal sealed class DatabaseNumbers
{
    /// <summary>The databases that a Redis server has unless it is configured otherwise.</summary>
    public const int RedisDatabases = 16;

    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);

    /// <summary>Keyspaces and their numbers so far.</summary>
    public IReadOnlyDictionary<string, int> All => _numbers;

    /// <summary>The number of a keyspace; the first call fixes it.</summary>
    public int Of(string keyspace)
    {
        if (_numbers.TryGetValue(keyspace, out int number))
            return number;
        HashSet<int> taken = [.. _numbers.Values];
        int? own = Own(keyspace);
        number = own is { } free && !taken.Contains(free) ? free : Enumerable.Range(1, int.MaxValue - 1).First(candidate => !taken.Contains(candidate));
        _numbers.Add(keyspace, number);
        return number;
    }

    private static int? Own(string keyspace)
    {
        if (keyspace == EntryOptions.DefaultKeyspace)
            return 0;
        return keyspace.StartsWith("db", StringComparison.Ordinal)
            && int.TryParse(keyspace.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number > 0
            && KeyspaceNames.Of(number) == keyspace
            ? number
            : null;
    }
}
