using System.Text.Json.Serialization;

namespace Grid.Server.Doctor;

/// <summary>How bad a finding is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Severity>))]
internal enum Severity
{
    /// <summary>Worth knowing; nothing has to be done.</summary>
    Note,

    /// <summary>Something is not as it should be, and will hurt when something else fails.</summary>
    Warning,

    /// <summary>Something does not work, or will fail as soon as it is needed.</summary>
    Error,
}

/// <summary>What <c>grid doctor</c> found.</summary>
/// <param name="Check">Name of the check; the same for ever, for scripts.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="What">What is so, as a sentence.</param>
/// <param name="Change">What to change, as a sentence.</param>
internal sealed record Finding(string Check, Severity Severity, string What, string Change);

/// <summary>Findings, as they come.</summary>
internal sealed class Findings
{
    private readonly List<Finding> _all = [];

    /// <summary>Worst first, otherwise in the order of the checks.</summary>
    public IReadOnlyList<Finding> All => [.. _all.OrderByDescending(finding => finding.Severity)];

    public void Note(string check, string what, string change) => _all.Add(new Finding(check, Severity.Note, what, change));

    public void Warn(string check, string what, string change) => _all.Add(new Finding(check, Severity.Warning, what, change));

    public void Error(string check, string what, string change) => _all.Add(new Finding(check, Severity.Error, what, change));

    /// <summary>Adds a finding as bad as <paramref name="severity"/> says.</summary>
    public void Add(Severity severity, string check, string what, string change) => _all.Add(new Finding(check, severity, what, change));
}
