using System.Globalization;
using Grid.Client;
using Grid.Server.Chaos.Faults;

namespace Grid.Server.Chaos;

/// <summary>What one round of chaos does.</summary>
internal sealed record RoundPlan
{
    private const double SecondsMax = 86_400;

    /// <summary>Where everything at random comes from.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>For how long faults go on.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Faults after which the round ends before its time; 0 for no bound.</summary>
    public int FaultsMax { get; init; }

    /// <summary>The faults to choose from.</summary>
    public IReadOnlyList<FaultKind> Faults { get; init; } = Enum.GetValues<FaultKind>();

    /// <summary>Whether faults overlap.</summary>
    public bool Overlap { get; init; }

    /// <summary>What writes ask for.</summary>
    public Durability Durability { get; init; } = Durability.Replicated;

    /// <summary>Whether acknowledged writes must be lost, and the checker must find it: a checker that finds nothing proves nothing.</summary>
    public bool MustLose { get; init; }

    /// <summary>A time of so many seconds; one that no <see cref="TimeSpan"/> can be is too long as well.</summary>
    public static TimeSpan TimeOf(double seconds) => Math.Abs(seconds) <= SecondsMax ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;

    /// <summary>The plan, if it can be carried out.</summary>
    /// <param name="place">Where it was given.</param>
    /// <exception cref="CommandException">It cannot.</exception>
    public RoundPlan Checked(string place) => this switch
    {
        { Time.TotalSeconds: not (> 0 and <= SecondsMax) } => throw new CommandException(
            ExitCode.Usage, string.Create(CultureInfo.InvariantCulture, $"{place}: seconds is {Time.TotalSeconds}; it must be more than 0 and at most {SecondsMax}.")),
        { FaultsMax: < 0 } => throw new CommandException(ExitCode.Usage, string.Create(CultureInfo.InvariantCulture, $"{place}: count is {FaultsMax}; it must be 0, for no bound, or more.")),
        { Faults.Count: 0 } => throw new CommandException(ExitCode.Usage, $"{place}: faults is empty; name some of {string.Join(", ", Enum.GetNames<FaultKind>())}, or leave it out for all."),
        _ => this,
    };
}
