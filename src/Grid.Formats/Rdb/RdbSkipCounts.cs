namespace Grid.Formats.Rdb;

/// <summary>Names and counts what an <see cref="RdbReader"/> skipped.</summary>
internal sealed class RdbSkipCounts
{
    private const string ModuleAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    private const int ModuleNameLength = 9;
    private const int NamesMax = 256;

    private readonly Dictionary<string, long> _byType = [];
    private readonly Dictionary<(string Prefix, ulong Id), string> _modules = [];

    /// <summary>The counts, by type name.</summary>
    public IReadOnlyDictionary<string, long> ByType => _byType;

    /// <summary>Counts one.</summary>
    public void Add(string typeName) => _byType[typeName] = _byType.GetValueOrDefault(typeName) + 1;

    /// <summary>The name of a module's type: nine characters of six bits stand above ten bits of encoding version.</summary>
    /// <remarks>The number of names kept is bounded, since a file may make up any number of them.</remarks>
    public string ModuleName(string prefix, ulong id)
    {
        if (_modules.TryGetValue((prefix, id), out string? name))
            return name;
        if (_modules.Count == NamesMax)
            return prefix;
        Span<char> characters = stackalloc char[ModuleNameLength];
        for (int i = 0; i < ModuleNameLength; i++)
            characters[i] = ModuleAlphabet[(int)(id >> (10 + 6 * (ModuleNameLength - 1 - i))) & 63];
        return _modules[(prefix, id)] = $"{prefix} {characters}";
    }
}
