using System.Globalization;

namespace Grid.Server.Chaos.Faults;

/// <summary>One fault: what, to whom, for how long.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Silos">The silos that it concerns; of a cut the one whose packets are lost first.</param>
/// <param name="Time">How long it lasts.</param>
/// <param name="WithStore">With a cut: whether the record store is cut off too.</param>
internal sealed record Fault(FaultKind Kind, IReadOnlyList<int> Silos, TimeSpan Time, bool WithStore)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Kind} {string.Join(",", Silos)}{(WithStore ? " and the store" : "")} for {Time.TotalSeconds:0.0} s");
}
