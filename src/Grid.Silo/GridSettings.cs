using Grid.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace Grid.Silo;

/// <summary>
/// The settings of a running silo. They begin as <see cref="GridOptions"/> of the host and can be changed while the silo
/// runs: what was agreed on with other silos is agreed on anew where a change concerns it, everything else goes on.
/// </summary>
/// <remarks>Thread-safe. A service of the silo's host.</remarks>
public sealed class GridSettings
{
    private static readonly GridOptionsValidator Validator = new();

    private readonly Lock _lock = new();
    private GridOptions _current;

    /// <summary>Settings as the host has them.</summary>
    public GridSettings(IOptions<GridOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _current = options.Value;
    }

    /// <summary>Told of every change, on the thread that made it.</summary>
    internal event Action<GridOptions>? Changed;

    /// <summary>The settings as they are now. Not to be written to.</summary>
    public GridOptions Current => Volatile.Read(ref _current);

    /// <summary>Changes settings of this silo. Nothing is changed if anything is wrong.</summary>
    /// <param name="change">Sets on a copy what is to be different.</param>
    /// <returns>What is wrong, a line for each key; empty when the settings are changed.</returns>
    public IReadOnlyList<string> Change(Action<GridOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        lock (_lock)
        {
            GridOptions next = _current.Copy();
            change(next);
            return Replace(next);
        }
    }

    /// <summary>Puts other settings in the place of the present ones. Nothing is changed if anything is wrong.</summary>
    /// <param name="next">All settings; not to be written to afterwards.</param>
    /// <returns>What is wrong, a line for each key; empty when the settings are changed.</returns>
    public IReadOnlyList<string> Replace(GridOptions next)
    {
        ArgumentNullException.ThrowIfNull(next);
        lock (_lock)
        {
            List<string> faults = [.. SettingRules.CheckFixed(GridConstants.ConfigurationSection, _current, next)];
            if (Validator.Validate(null, next) is { Failed: true } invalid)
                faults.AddRange(invalid.Failures!);
            if (faults.Count > 0)
                return faults;
            Volatile.Write(ref _current, next);
            Changed?.Invoke(next);
            return [];
        }
    }
}
